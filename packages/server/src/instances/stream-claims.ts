import type { Duplex } from 'node:stream';
import type { Clock } from './clock.ts';
import { ProviderError } from './provider.ts';

/** Streams of sandboxes that wait for their owner, and owners that wait for their stream. */
export class StreamClaims implements Disposable {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #offered = new Map<string, Duplex>();
  readonly #claimed = new Map<string, { give: (stream: Duplex) => void; refuse: (reason: string) => void }>();

  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  offer(connection: string, stream: Duplex): void {
    const claim = this.#claimed.get(connection);
    if (claim !== undefined) {
      claim.give(stream);
      return;
    }
    this.#offered.set(connection, stream);
    stream.once('close', () => {
      if (this.#offered.get(connection) === stream) this.#offered.delete(connection);
    });
  }

  /** Rejects with a {@link ProviderError} if the stream is not offered within the time given to the constructor. */
  claim(connection: string): Promise<Duplex> {
    const offered = this.#offered.get(connection);
    if (offered !== undefined) {
      this.#offered.delete(connection);
      return Promise.resolve(offered);
    }
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        timer.cancel();
        this.#claimed.delete(connection);
      };
      const refuse = (reason: string): void => {
        settle();
        reject(new ProviderError(`sandbox ${connection}: ${reason}`, "The server's log has what its agent said last."));
      };
      const timer = this.#clock.setTimer(this.#waitMs, () => refuse(`its stream did not come in ${this.#waitMs} ms`));
      const give = (stream: Duplex): void => {
        settle();
        resolve(stream);
      };
      this.#claimed.set(connection, { give, refuse });
    });
  }

  /** The sandbox is gone. */
  forget(connection: string): void {
    this.#claimed.get(connection)?.refuse('it is gone');
    this.#offered.get(connection)?.destroy();
    this.#offered.delete(connection);
  }

  [Symbol.dispose](): void {
    for (const claim of this.#claimed.values()) claim.refuse('its instance is gone');
    this.#offered.clear();
  }
}
