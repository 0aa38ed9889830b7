/** The peer of `fidelity`: a function in an ordinary Node process, with the limits of a function and nothing else of Hearth's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Quota } from './quota.ts';

const PROGRAM = join(import.meta.dirname, '..', 'fidelity', 'ordinary.mjs');

export class OrdinaryNode implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #quota: Quota;

  private constructor(child: ChildProcess, quota: Quota) {
    this.#process = child;
    this.#quota = quota;
  }

  /**
   * @param node the binary. @param module path of the function's module.
   * @throws Error if it ends before it has loaded the function
   */
  static async start(node: string, module: string, memoryMb: number): Promise<OrdinaryNode> {
    const quota = new Quota(memoryMb);
    const [command = '', ...args] = quota.wrap([node, PROGRAM, module]);
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const peer = new OrdinaryNode(child, quota);
    await peer.#message();
    child.kill('SIGSTOP');
    return peer;
  }

  /** Invokes the function; while it isn't asked the process is stopped, as a sandbox is frozen. */
  async invoke(event: object): Promise<unknown> {
    this.#process.kill('SIGCONT');
    this.#process.send(event);
    const { answer, error } = await this.#message();
    this.#process.kill('SIGSTOP');
    if (error !== undefined) throw new Error(`the function failed in an ordinary Node process: ${error}`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await ended;
    }
    await this.#quota[Symbol.asyncDispose]();
  }

  async #message(): Promise<{ answer?: unknown; error?: string }> {
    const over = new AbortController();
    const ended = once(this.#process, 'exit', { signal: over.signal }).then(([code, signal]) => {
      throw new Error(`an ordinary Node process ended (${String(signal ?? code)})`);
    });
    try {
      const [message] = (await Promise.race([once(this.#process, 'message'), ended])) as [object];
      return message;
    } finally {
      over.abort();
    }
  }
}
