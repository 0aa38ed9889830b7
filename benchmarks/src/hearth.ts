import { CreateFunctionUrlConfigCommand, LambdaClient, type CreateFunctionCommandInput } from '@aws-sdk/client-lambda';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Target } from './load/target.ts';
import { descendants, survivors } from './processes.ts';
import { freePort, ServerProcess } from './server-process.ts';
import type { Keys } from './sign.ts';

/** The account of a benchmark's functions where it doesn't matter which. */
export const ACCOUNT = '000000000000';

export interface HearthOptions {
  /** Path of the `hearth` command. */
  command: string;
  /** Variables that change how the server works, e.g. `HEARTH_SPARES`. */
  env?: Record<string, string>;
  /** Settings as in a settings file. */
  settings?: Record<string, number>;
  /** Whether signatures are checked; `dev` where nothing is said. */
  auth?: 'dev' | 'sigv4';
}

/** A Hearth server of the benchmark's own, with its data in a temporary directory. */
export class Hearth implements AsyncDisposable {
  readonly url: string;
  readonly #process: ServerProcess;
  readonly #data: string;
  /** The operator's. */
  readonly #token: string;

  private constructor(process: ServerProcess, data: string, token: string) {
    this.#token = token;
    this.#process = process;
    this.#data = data;
    this.url = process.url;
  }

  /** @throws Error with the end of the server's output if it isn't ready within a minute */
  static async start(options: HearthOptions): Promise<Hearth> {
    const data = await mkdtemp(join(tmpdir(), 'hearth-bench-data-'));
    const port = await freePort();
    const token = randomBytes(32).toString('hex');
    const config = join(data, 'settings.json');
    try {
      await writeFile(config, JSON.stringify(options.settings ?? {}));
      const server = await ServerProcess.start({
        name: 'hearth',
        command: options.command,
        args: ['up', '--port', String(port), '--data', data, '--config', config, '--auth', options.auth ?? 'dev'],
        env: { HEARTH_LOG_LEVEL: 'error', HEARTH_OPERATOR_TOKEN: token, ...options.env },
        port,
        readyPath: '/_hearth/health',
        startTimeout: 60_000,
      });
      return new Hearth(server, data, token);
    } catch (error) {
      await rm(data, { recursive: true, force: true });
      throw error;
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The SDK's client, e.g. for creating functions: as an account where signatures aren't checked, or with its keys. */
  client(account: string | Keys = ACCOUNT): LambdaClient {
    const credentials = typeof account === 'string' ? { accessKeyId: account, secretAccessKey: 'benchmark' } : account;
    return new LambdaClient({ endpoint: this.url, region: 'us-east-1', credentials });
  }

  /** Makes an account and a key of it, where signatures are checked. */
  async createKeys(): Promise<Keys> {
    const { id } = (await this.operator('accounts', 'POST')) as { id: string };
    return (await this.operator(`accounts/${id}/keys`, 'POST')) as Keys;
  }

  /** An invocation of `functionName` as the load generators send it: with headers like those of an SDK. */
  target(functionName: string, body: string, account = ACCOUNT): Target {
    return {
      name: `hearth ${functionName}`,
      url: `${this.url}/2015-03-31/functions/${functionName}/invocations`,
      headers: signedHeaders(account),
      body,
    };
  }

  /** Makes a URL of a function's. @returns a request to it by the name of its host, with headers as fetch and curl send them. */
  async createUrl(functionName: string): Promise<(body: string) => Target> {
    const command = new CreateFunctionUrlConfigCommand({ FunctionName: functionName, AuthType: 'NONE' });
    const { FunctionUrl: made } = await this.client().send(command);
    const { host } = new URL(made!);
    const headers = { host, accept: '*/*', 'user-agent': 'hearth-benchmark', 'content-type': 'application/json' };
    // The name need not be known to the machine's resolver.
    return (body) => ({ name: `hearth ${functionName} by its URL`, url: `${this.url}/`, headers, body });
  }

  /** What an operator's endpoint answers: `path` is relative to `/_hearth/`, `body` sent as JSON. */
  async operator(path: string, method = 'GET', body?: unknown): Promise<unknown> {
    const headers = { authorization: `Bearer ${this.#token}` };
    const answer = await fetch(`${this.url}/_hearth/${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} /_hearth/${path} answered ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /**
   * Stops the server and looks for what it left behind.
   *
   * @throws Error that lists processes or mounts that outlived it
   */
  async stop(): Promise<void> {
    const family = descendants(this.pid);
    try {
      await this.#process.stop(30_000);
      const left = survivors(family).map((entry) => `process ${entry.pid} (${entry.command})`);
      const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
      left.push(...mounts.filter((line) => line.includes(this.#data)).map((line) => `mount ${line.split(' ')[4]}`));
      if (left.length > 0) throw new Error(`hearth left behind: ${left.join(', ')}`);
    } finally {
      await rm(this.#data, { recursive: true, force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Headers of the size and form that the SDK sends. `--auth dev` reads the account from the credential and doesn't check
 * the signature, so one serves for all requests.
 */
function signedHeaders(account: string): Record<string, string> {
  const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = `${date.slice(0, 8)}/us-east-1/lambda/aws4_request`;
  return {
    'content-type': 'application/json',
    'x-amz-date': date,
    authorization: [
      `AWS4-HMAC-SHA256 Credential=${account}/${scope}`,
      'SignedHeaders=content-type;host;x-amz-date',
      `Signature=${'0'.repeat(64)}`,
    ].join(', '),
  };
}

export type FunctionSettings = Partial<
  Pick<CreateFunctionCommandInput, 'MemorySize' | 'Timeout' | 'Environment' | 'Runtime' | 'Code'>
>;
