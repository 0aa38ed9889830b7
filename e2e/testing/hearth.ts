/** A real server for a test: `hearth up` as a person would start it, with a data directory of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import {
  InvokeCommand,
  LambdaClient,
  waitUntilFunctionActiveV2,
  CreateFunctionCommand,
  PublishLayerVersionCommand,
} from '@aws-sdk/client-lambda';
import type { LambdaClientConfig } from '@aws-sdk/client-lambda';
import { ZipFile } from 'yazl';
import { keepRuntimes, seedRuntime } from './runtime-cache.ts';

const ROOT = join(import.meta.dirname, '../..');
export const HEARTH = join(ROOT, 'packages/cli/bin/hearth');
const START_LIMIT_MS = 400_000;

export const ROLE = 'arn:aws:iam::000000000000:role/any';

export interface HearthOptions {
  /** Settings as in a configuration file. */
  settings?: Record<string, number | string | string[]>;
  /** Runtimes that it need not fetch, where an earlier test has. */
  runtimes?: string[];
  /** A directory to use again, with what an earlier server left in it. */
  data?: string;
  /** The `hearth` command of another checkout. */
  command?: string;
  /** Further flags of `hearth up`. */
  flags?: string[];
  /** Further variables of the server's environment. */
  variables?: Record<string, string>;
}

/** What one function answered. */
export interface Answer {
  payload: any;
  error: string | undefined;
  startPath: string;
  log: string;
}

export class Hearth implements AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly data: string;
  readonly process: ChildProcess;
  /** What it has written to its standard error so far. */
  errors = '';
  readonly #keepData: boolean;

  private constructor(port: number, data: string, server: ChildProcess, keepData: boolean) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.data = data;
    this.process = server;
    this.#keepData = keepData;
    server.stderr!.on('data', (text: Buffer) => {
      this.errors += text.toString();
      process.stderr.write(text);
    });
  }

  static async start({
    settings = {},
    data,
    flags = [],
    runtimes = [],
    variables = {},
    command = HEARTH,
  }: HearthOptions = {}): Promise<Hearth> {
    const directory = data ?? fs.mkdtempSync('/var/tmp/hearth-e2e-');
    fs.chmodSync(directory, 0o711);
    for (const name of runtimes) seedRuntime(name, join(directory, 'data'));
    const config = join(directory, 'config.json');
    fs.writeFileSync(config, JSON.stringify({ instances: 1, slots: 16, ...settings }));
    const port = await freePort();
    const args = ['up', '--port', String(port), '--data', join(directory, 'data'), '--config', config, ...flags];
    const env = { ...environment(undefined), ...variables };
    const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    const hearth = new Hearth(port, directory, server, data !== undefined);
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const limit = AbortSignal.timeout(START_LIMIT_MS);
    const ended = once(server, 'exit', { signal: limit }).then(([code]) => {
      throw new Error(`the server ended with code ${String(code)}`);
    });
    ended.catch(() => {});
    const { value } = (await Promise.race([lines.next(), ended])) as IteratorResult<string>;
    // Its code says more than its silence.
    if (value === undefined) await ended;
    if (!String(value).includes('ready')) throw new Error(`the server said: ${String(value)}`);
    return hearth;
  }

  client(account?: string): LambdaClient {
    return new LambdaClient(this.clientOptions(account));
  }

  clientOptions(account = '000000000000'): LambdaClientConfig {
    return {
      endpoint: this.url,
      region: 'us-east-1',
      credentials: { accessKeyId: account, secretAccessKey: 'any' },
      maxAttempts: 1,
    };
  }

  /** The environment for a client program that is told of nothing but the endpoint. */
  environment(): NodeJS.ProcessEnv {
    return environment(this.url);
  }

  /** Creates a function of one file and waits until it is active. */
  async create(
    name: string,
    code: string | Record<string, string | Buffer>,
    settings: Partial<ConstructorParameters<typeof CreateFunctionCommand>[0]> = {},
    account?: string,
  ): Promise<void> {
    const client = this.client(account);
    const files = typeof code === 'string' ? { 'index.mjs': code } : code;
    await client.send(
      new CreateFunctionCommand({
        FunctionName: name,
        Runtime: 'nodejs26.x',
        Handler: 'index.handler',
        Role: ROLE,
        Code: { ZipFile: await zipOf(files) },
        ...settings,
      }),
    );
    await waitUntilFunctionActiveV2({ client, maxWaitTime: 150, minDelay: 0.05 }, { FunctionName: name });
  }

  /** @returns the ARN of a layer's new version. */
  async publishLayer(name: string, content: Record<string, string | Buffer> | Buffer): Promise<string> {
    const archive = Buffer.isBuffer(content) ? content : await zipOf(content);
    const command = new PublishLayerVersionCommand({ LayerName: name, Content: { ZipFile: archive } });
    return (await this.client().send(command)).LayerVersionArn!;
  }

  async invoke(name: string, event: unknown = {}, account?: string): Promise<Answer> {
    const client = this.client(account);
    let startPath = '';
    client.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const response = result.response as { headers: Record<string, string> };
        startPath = response.headers['x-hearth-start-path'] ?? '';
        return result;
      },
      { step: 'deserialize', priority: 'low' },
    );
    const command = new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event), LogType: 'Tail' });
    const answer = await client.send(command);
    const payload = Buffer.from(answer.Payload ?? []).toString();
    return {
      payload: payload === '' ? undefined : JSON.parse(payload),
      error: answer.FunctionError,
      startPath,
      log: Buffer.from(answer.LogResult ?? '', 'base64').toString(),
    };
  }

  async get(path: string): Promise<any> {
    const response = await fetch(this.url + path);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** What the server was told to keep its data in. */
  get dataDirectory(): string {
    return join(this.data, 'data');
  }

  /** Ends it in order. @returns the exit code. */
  async stop(): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    const exit = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    const [code] = (await exit) as [number | null];
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    keepRuntimes(this.dataDirectory);
    if (!this.#keepData) fs.rmSync(this.data, { recursive: true, force: true });
  }
}

function environment(endpoint: string | undefined): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  // Debian's own programs, whatever else is installed.
  const base = { PATH: `/usr/bin:/bin:${PATH}`, HOME, HEARTH_LOG_LEVEL: 'warn', ...network() };
  return endpoint === undefined ? base : { ...base, AWS_ENDPOINT_URL: endpoint };
}

/** How the npm registry is reached from here, for the server, which fetches runtimes from it. */
function network(): NodeJS.ProcessEnv {
  const names = /^(https?_proxy|no_proxy|node_extra_ca_certs|npm_config_registry)$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => names.test(name)));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A zip file. A value that is a directory's path ending in `/` is packed with all that is below it; a script (`#!`) may be executed. */
export async function zipOf(files: Record<string, string | Buffer>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) {
    if (name.endsWith('/')) addDirectory(zip, String(content), name);
    else
      zip.addBuffer(Buffer.from(content), name, {
        mode: content.slice(0, 2).toString() === '#!' ? 0o100755 : 0o100644,
      });
  }
  zip.end();
  const parts: Buffer[] = [];
  for await (const part of zip.outputStream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function addDirectory(zip: ZipFile, source: string, target: string): void {
  for (const entry of fs.readdirSync(source, { withFileTypes: true })) {
    const path = join(source, entry.name);
    if (entry.isDirectory()) addDirectory(zip, path, `${target}${entry.name}/`);
    else if (entry.isFile()) zip.addFile(path, target + entry.name);
  }
}

/** Runs a program to its end. @throws with what it printed when it fails. */
export async function run(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { env, encoding: 'utf8', timeout: 60_000 });
  return stdout;
}
