import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { CliError } from '../cli-error.ts';
import { findEndpoint } from './endpoint.ts';
import { findOperatorToken } from './operator-token.ts';
import { signature } from './sign.ts';

export interface RequestOptions {
  query?: Record<string, string | undefined>;
  headers?: Record<string, string>;
  /** Sent as it is where it is bytes, else as JSON. */
  body?: unknown;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** A Hearth server, spoken to over HTTP with as little as possible loaded: a command should answer at once. */
export class Server {
  readonly url: URL;
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv = process.env) {
    this.url = findEndpoint(env);
    this.#env = env;
  }

  /**
   * Sends a request and reads the whole answer.
   *
   * @throws CliError where nothing answers, or the answer is an error: with AWS's code, its message and a hint.
   */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const response = await this.open(method, path, options);
    const body = await readAll(response);
    return { status: response.statusCode ?? 0, headers: flatten(response), body };
  }

  /** The same for an answer in JSON. */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const { body } = await this.request(method, path, options);
    return (body.length === 0 ? {} : JSON.parse(body.toString())) as T;
  }

  /** Sends a request and resolves with the answer, still to be read, once its headers are there. Throws as above. */
  async open(method: string, path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    const url = new URL(`${this.url.pathname.replace(/\/$/, '')}${path}`, this.url);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const body = toBytes(options.body);
    const headers: Record<string, string> = { ...options.headers };
    if (body.length > 0) headers['content-type'] ??= 'application/json';
    const operatorToken = path.startsWith('/_hearth/') ? findOperatorToken(url, this.#env) : undefined;
    if (operatorToken === undefined) Object.assign(headers, await signature({ method, url, headers, body }, this.#env));
    else headers.authorization = `Bearer ${operatorToken}`;
    const response = await this.#send(method, url, headers, body, options.signal);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw toError(status, response.headers['x-amzn-errortype'], await readAll(response));
  }

  async #send(
    method: string,
    url: URL,
    headers: Record<string, string>,
    body: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const send = url.protocol === 'https:' ? (await import('node:https')).request : httpRequest;
    return await new Promise((resolve, reject) => {
      // No agent: a kept connection would keep the command alive.
      const outgoing = send(url, {
        method,
        agent: false,
        headers: { ...headers, 'content-length': body.length },
        signal,
      });
      outgoing.on('response', resolve);
      outgoing.on('error', (error: NodeJS.ErrnoException) => reject(this.#unreachable(error)));
      outgoing.end(body);
    });
  }

  #unreachable(error: NodeJS.ErrnoException): Error {
    if (error.name === 'AbortError') return error;
    const where = this.url.origin;
    if (error.code === 'ECONNREFUSED' || error.code === 'ENOTFOUND' || error.code === 'EHOSTUNREACH') {
      const hint = 'Start a server with  hearth up , or name another one with AWS_ENDPOINT_URL or HEARTH_PORT.';
      return new CliError(`No server answers at ${where}.`, { hint, cause: error });
    }
    return new CliError(`The connection to ${where} failed: ${error.message}`, {
      hint: 'See whether the server still runs, and what it logged last.',
      cause: error,
    });
  }
}

function toBytes(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  return Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function flatten(response: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
}

const HINTS: Record<string, string> = {
  ResourceNotFoundException: 'hearth ls  shows the functions there are.',
  MissingAuthenticationTokenException:
    'The server checks signatures: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Its operator makes keys with  hearth account key create .',
  UnknownOperationException: 'Is it a Hearth server that answers there?  hearth doctor  tells.',
};

function toError(status: number, type: string | string[] | undefined, body: Buffer): CliError {
  const text = body.toString();
  let fields: { __type?: string; Type?: string; Message?: string; message?: string; hint?: unknown } = {};
  try {
    fields = JSON.parse(text) as typeof fields;
  } catch {
    // Not from Hearth, or from a proxy before it: the text itself is all there is to tell.
  }
  const code = String(type ?? fields.__type ?? fields.Type ?? `HTTP ${status}`).replace(/^.*#|:.*$/g, '');
  const message = fields.Message ?? fields.message ?? (text.slice(0, 300) || 'no message');
  // Where the message says what to do, nothing more general is added.
  const usual = message.includes('Hint: ') ? undefined : HINTS[code];
  const hint = typeof fields.hint === 'string' ? fields.hint : usual;
  return new CliError(`${code}: ${message}`, { code, hint });
}
