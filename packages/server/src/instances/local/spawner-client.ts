import type { Duplex } from 'node:stream';
import type { FromSpawner, ToSpawner } from '@hearth/protocol';
import { ProviderError } from '../provider.ts';

/** A line longer than this is no message of the spawner's. */
const MAX_LINE = 1024 * 1024;

type InstanceMessage = Exclude<FromSpawner, { type: 'ready' | 'refused' }>;

/** The server's end of its pipe to the spawner: JSON, one message a line, each way. */
export class SpawnerClient implements Disposable {
  /** Resolves with the machine's cgroup version once instances can be made; rejects when the spawner ends before. */
  readonly ready: Promise<1 | 2>;
  readonly #stream: Duplex;
  readonly #listeners = new Map<string, (message: InstanceMessage) => void>();
  readonly #settleReady: { resolve: (version: 1 | 2) => void; reject: (error: Error) => void };
  #rest = '';
  #closed: string | undefined;
  #hint = '';

  constructor(stream: Duplex) {
    this.#stream = stream;
    const { promise, resolve, reject } = Promise.withResolvers<1 | 2>();
    this.ready = promise;
    this.#settleReady = { resolve, reject };
    promise.catch(() => undefined);
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#onText(text));
    stream.on('error', (error) => this.#close(`the pipe to the spawner failed: ${error.message}`));
    stream.on('close', () => this.#close('the spawner is gone'));
    stream.on('end', () => this.#close('the spawner is gone'));
  }

  /** @throws ProviderError when the spawner is gone. */
  send(message: ToSpawner): void {
    if (this.#closed !== undefined) throw this.#error();
    this.#stream.write(`${JSON.stringify(message)}\n`);
  }

  /** Calls back with what the spawner says of this instance; `gone` is the last, also when the spawner itself ends. */
  subscribe(instance: string, listener: (message: InstanceMessage) => void): void {
    this.#listeners.set(instance, listener);
  }

  unsubscribe(instance: string): void {
    this.#listeners.delete(instance);
  }

  [Symbol.dispose](): void {
    this.#close('the server closed its pipe to the spawner');
  }

  #onText(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    if (this.#rest.length > MAX_LINE) return this.#close('the spawner sent a line without an end');
    for (const line of lines) {
      let message: FromSpawner;
      try {
        message = JSON.parse(line) as FromSpawner;
      } catch {
        return this.#close(`the spawner sent what is no message: ${line.slice(0, 200)}`);
      }
      if (message.type === 'ready') this.#settleReady.resolve(message.cgroupVersion);
      else if (message.type === 'refused') return this.#close(message.message, message.hint);
      else this.#listeners.get(message.instance)?.(message);
    }
  }

  #close(reason: string, hint = 'Start the server again: it starts its spawner with it.'): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#hint = hint;
    this.#stream.destroy();
    this.#settleReady.reject(this.#error());
    for (const [instance, listener] of this.#listeners) listener({ type: 'gone', instance, reason });
    this.#listeners.clear();
  }

  #error(): ProviderError {
    return new ProviderError(this.#closed ?? 'the spawner is gone', this.#hint);
  }
}
