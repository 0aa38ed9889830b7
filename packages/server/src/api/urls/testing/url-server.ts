import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { CreateFunctionCommand, CreateFunctionUrlConfigCommand } from '@aws-sdk/client-lambda';
import type { CreateFunctionUrlConfigCommandInput, LambdaClient } from '@aws-sdk/client-lambda';
import type { ApiServer } from '../../testing/api-server.ts';
import { zipOf } from '../../testing/api-server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly text: string;
}

export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders | readonly string[];
  readonly body?: Buffer | string;
}

export async function createFunction(client: LambdaClient, name: string): Promise<void> {
  await client.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Role: 'arn:aws:iam::000000000000:role/r',
      Runtime: 'nodejs26.x',
      Handler: 'index.handler',
      Code: { ZipFile: await zipOf({ 'index.js': 'x' }) },
    }),
  );
}

/** A function with a URL. @returns the URL. */
export async function createUrl(
  client: LambdaClient,
  name: string,
  settings: Partial<CreateFunctionUrlConfigCommandInput> = {},
): Promise<URL> {
  await createFunction(client, name);
  const made = await client.send(
    new CreateFunctionUrlConfigCommand({ FunctionName: name, AuthType: 'NONE', ...settings }),
  );
  return new URL(made.FunctionUrl!);
}

function isList(headers: NonNullable<Sent['headers']>): headers is readonly string[] {
  return Array.isArray(headers);
}

/** Sends a request to a URL by its host's name, which need not be known to DNS, with nothing added to it. */
export function call(server: ApiServer, url: URL, sent: Sent = {}): Promise<Answer> {
  const { method = 'GET', path = '/', headers = {}, body } = sent;
  const given = isList(headers) ? ['host', url.host, ...headers] : { host: url.host, ...headers };
  return new Promise((resolve, reject) => {
    const { port } = new URL(server.url);
    const options = { method, headers: given as OutgoingHttpHeaders, port, path, agent: false };
    const request = httpRequest(options, (response) => {
      buffer(response).then(
        (bytes) =>
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            body: bytes,
            text: bytes.toString(),
          }),
        reject,
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}
