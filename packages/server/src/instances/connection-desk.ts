import type { Duplex } from 'node:stream';
import type { Clock, Timer } from './clock.ts';

/** The streams that a sandbox opens, each with the same token, each once. */
export type StreamRole = 'sandbox' | 'stdio';

interface Expected {
  connection: string;
  seen: Set<StreamRole>;
  /** Its sandbox has ended: only what is under way may still come. */
  leaving: boolean;
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
  #leaving = 0;

  constructor(clock: Clock, holdMs: number, onMatch: (role: StreamRole, connection: string, stream: Duplex) => void) {
    this.#clock = clock;
    this.#holdMs = holdMs;
    this.#onMatch = onMatch;
  }

  /** Sandboxes that have been announced and are not gone. */
  get announced(): number {
    return this.#expected.size - this.#leaving;
  }

  /** The agent says that a sandbox will connect with this token. */
  announce(connection: string, token: string): void {
    // An agent that uses a token twice must not gain by it.
    if (this.#expected.get(token)?.leaving === true) this.#leaving--;
    this.#expected.set(token, { connection, seen: new Set(), leaving: false });
    this.#tokens.set(connection, token);
    for (const early of this.#early) {
      if (early.token !== token) continue;
      early.timer.cancel();
      this.#early.delete(early);
      this.arrive(early.role, token, early.stream);
    }
  }

  /**
   * The sandbox has ended, and counts no more.
   *
   * @returns whether this stream of it, which it must have opened, has not been seen yet.
   */
  leave(connection: string, role: StreamRole): boolean {
    const expected = this.#expected.get(this.#tokens.get(connection) ?? '');
    if (expected === undefined) return false;
    if (!expected.leaving) this.#leaving++;
    expected.leaving = true;
    return !expected.seen.has(role);
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
    if (this.#expected.get(token)?.leaving === true) this.#leaving--;
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
