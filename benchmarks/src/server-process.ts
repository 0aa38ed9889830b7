import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface ServerCommand {
  name: string;
  command: string;
  args: string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Path that answers with any status but 503 once the server is ready. */
  readyPath: string;
  /** Body to POST there; without one it is a GET. */
  readyBody?: string;
  port: number;
  /** Milliseconds; default 30,000. */
  startTimeout?: number;
}

const running = new Set<ChildProcess>();
// A benchmark that is interrupted or fails must not leave its servers running.
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

/** A server started as a child of the benchmark; ended by disposal. */
export class ServerProcess implements AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly #child: ChildProcess;
  /** The end of what it wrote to stdout and stderr. */
  #output = '';

  private constructor(options: ServerCommand) {
    this.name = options.name;
    this.url = `http://127.0.0.1:${options.port}`;
    this.#child = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.#child);
    this.#child.once('exit', () => running.delete(this.#child));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-4000);
      });
    }
  }

  /** Starts it and resolves once it answers; rejects with the end of its output if it ends or stays silent. */
  static async start(options: ServerCommand): Promise<ServerProcess> {
    const server = new ServerProcess(options);
    const failure = new Promise<never>((_, reject) => {
      server.#child.once('error', (error) => reject(new Error(`${options.name} did not start: ${error.message}`)));
      server.#child.once('exit', (code, signal) =>
        reject(new Error(`${options.name} ended (${signal ?? code}) before it was ready:\n${server.#output}`)),
      );
    });
    try {
      await Promise.race([failure, server.#ready(options)]);
    } catch (error) {
      server.#child.kill('SIGKILL');
      throw error;
    }
    failure.catch(() => {
      // From here on the end of the process is noticed by whoever talks to it, and by stop().
    });
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  /**
   * Asks it to end with SIGTERM and waits.
   *
   * @returns its exit code, or null if a signal ended it
   * @throws Error if it had to be killed after `patience` milliseconds
   */
  async stop(patience = 20_000): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), patience);
    await ended;
    clearTimeout(timer);
    if (this.#child.signalCode === 'SIGKILL') {
      throw new Error(`${this.name} did not end within ${patience} ms of SIGTERM:\n${this.#output}`);
    }
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #ready(options: ServerCommand): Promise<void> {
    const patience = options.startTimeout ?? 30_000;
    const deadline = performance.now() + patience;
    while (performance.now() < deadline) {
      try {
        const answer = await fetch(this.url + options.readyPath, {
          signal: AbortSignal.timeout(2000),
          ...(options.readyBody === undefined ? {} : { method: 'POST', body: options.readyBody }),
        });
        await answer.arrayBuffer();
        // A server that answers 503 is there but says that it isn't ready.
        if (answer.status !== 503) return;
      } catch (error) {
        if (!(error instanceof TypeError || (error as Error).name === 'TimeoutError')) throw error;
      }
      await delay(20);
    }
    throw new Error(`${this.name} was not ready after ${patience} ms:\n${this.#output}`);
  }
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
