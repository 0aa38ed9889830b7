import type { Duplex } from 'node:stream';
import type { Clock, Timer } from './clock.ts';

/** The streams that a sandbox opens, each with the same token, each once. */
export type StreamRole = 'sandbox' | 'stdio';

interface Expected {
  connection: string;
  seen: Set<StreamRole>;
}

interface Early {
  role: StreamRole;
  token: string;
  stream: Duplex;
  timer: Timer;
}

/**
 * Matches the streams of sandboxes with the tokens that their agent announced, in whichever order the two arrive. An
 * early stream is held for `holdMs` at most, and {@link MAX_EARLY} of them, since anything inside an instance may open
 * connections.
 */
export class ConnectionDesk implements Disposable {
  readonly #clock: Clock;
  readonly #holdMs: number;
  readonly #onMatch: (role: StreamRole, connection: string, stream: Duplex) => void;
  /** By token. */
  readonly #expected = new Map<string, Expected>();
  /** By connection. */
  readonly #tokens = new Map<string, string>();
  readonly #early = new Set<Early>();

  constructor(clock: Clock, holdMs: number, onMatch: (role: StreamRole, connection: string, stream: Duplex) => void) {
    this.#clock = clock;
    this.#holdMs = holdMs;
    this.#onMatch = onMatch;
  }

  /** Sandboxes that have been announced and are not gone. */
  get announced(): number {
    return this.#expected.size;
  }

  /** The agent says that a sandbox will connect with this token. */
  announce(connection: string, token: string): void {
    this.#expected.set(token, { connection, seen: new Set() });
    this.#tokens.set(connection, token);
    for (const early of this.#early) {
      if (early.token !== token) continue;
      early.timer.cancel();
      this.#early.delete(early);
      this.arrive(early.role, token, early.stream);
    }
  }

  /** A stream has said its hello. It is matched, held, or destroyed if its token was used for this role before. */
  arrive(role: StreamRole, token: string, stream: Duplex): void {
    const expected = this.#expected.get(token);
    if (expected !== undefined) {
      if (expected.seen.has(role)) {
        stream.destroy();
        return;
      }
      expected.seen.add(role);
      this.#onMatch(role, expected.connection, stream);
      return;
    }
    if (this.#early.size >= MAX_EARLY) {
      stream.destroy();
      return;
    }
    const drop = (): void => {
      early.timer.cancel();
      this.#early.delete(early);
      stream.destroy();
    };
    const early: Early = { role, token, stream, timer: this.#clock.setTimer(this.#holdMs, drop) };
    this.#early.add(early);
    stream.once('close', drop);
  }

  /** The sandbox is gone: its token opens nothing any more. */
  forget(connection: string): void {
    const token = this.#tokens.get(connection);
    if (token === undefined) return;
    this.#tokens.delete(connection);
    this.#expected.delete(token);
  }

  [Symbol.dispose](): void {
    for (const early of this.#early) {
      early.timer.cancel();
      early.stream.destroy();
    }
    this.#early.clear();
    this.#expected.clear();
    this.#tokens.clear();
  }
}

/** More than a burst of spares needs. */
export const MAX_EARLY = 256;
