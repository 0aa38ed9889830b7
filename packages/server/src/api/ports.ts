import type { RuntimeId } from '@hearth/protocol';
import type { Accounts } from '../auth/accounts/accounts.ts';
import type { BrowserGuard } from '../auth/browser-guard.ts';
import type { Authenticator } from '../auth/identity.ts';
import type { OperatorToken } from '../auth/operator-token.ts';
import type { Grant, IssuedSession } from '../auth/sessions.ts';
import type { Purchases } from '../capacity/bought/purchases.ts';
import type { Functions } from '../functions/functions.ts';
import type { Logs } from '../logs/logs.ts';
import type { LogOwner } from '../logs/ports.ts';
import type { DeferrableCall, Ran } from '../invoke/deferral/ports.ts';
import type { Invocation, InvocationOutcome, InvocationRecord } from '../invoke/invocation.ts';

/** What the room needs of the others. */
export interface ApiPorts {
  readonly functions: Functions;
  readonly invoker: Invoker;
  readonly authenticator: Authenticator;
  readonly sessions: SessionIssuer;
  readonly guard: BrowserGuard;
  readonly logs: Logs;
  readonly operator: OperatorPorts;
  readonly log: FailureLog;
  /** Bytes that long bodies of requests may take together while they come. */
  readonly maxBodyBytes: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** From 0 up to 1; `Math.random` where there is none. */
  readonly random?: () => number;
}

/** Makes short-lived credentials, which the authenticator then knows. */
export interface SessionIssuer {
  issue(grant: Grant): IssuedSession;
}

/** Runs functions. */
export interface Invoker {
  /** Rejects with an ApiError where the function could not be run; its own failure is an outcome. */
  invoke(invocation: Invocation): Promise<InvocationOutcome>;
  /** The same for one that is not time-sensitive, at a time with less demand. */
  invokeWhenCheap(call: DeferrableCall): Promise<Ran>;
}

/** One event of a function's log. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly message: string;
  readonly requestId?: string;
}

/** Reads what functions logged. */
export interface LogReader {
  /** The last events, oldest first; `since` in milliseconds since the epoch. */
  tail(owner: LogOwner, group: string, options: { since?: number }): Promise<readonly LogLine[]>;
  /** The same events and then each new one, until the signal aborts. */
  follow(owner: LogOwner, group: string, options: { since?: number; signal: AbortSignal }): AsyncIterable<LogLine>;
}

/** What the operator's endpoints show. */
export interface OperatorPorts {
  /** Release of Hearth. */
  readonly version: string;
  /** Whether functions can be invoked now. */
  ready(): boolean;
  /** Instances and their sandboxes, as JSON. */
  fleet(): unknown;
  invocation(requestId: string): InvocationRecord | undefined;
  /** How functions do with the memory they have, and what would be better, as JSON. */
  advice(): unknown;
  /** Text in the format of Prometheus. */
  metrics(): string | Promise<string>;
  readonly logs: LogReader;
  readonly runtimes: RuntimeKeeper;
  /** Whoever has it is the operator; undefined where everybody who reaches the port is. */
  readonly token: OperatorToken | undefined;
  readonly accounts: Accounts;
  readonly capacity: CapacityPorts;
  /** Makes a new master key and seals all secrets anew with it. */
  rekey(): Promise<void>;
}

/** Capacity that accounts have bought. */
export interface CapacityPorts {
  readonly book: CapacityBook;
  /** All sub-pools of the warming pool, as JSON. */
  subPools(): readonly unknown[];
}

/** What is done to purchases; each throws or rejects with an ApiError. Views are for JSON. */
export type CapacityBook = Pick<
  Purchases,
  'list' | 'policies' | 'get' | 'create' | 'update' | 'release' | 'setPolicy' | 'usage'
>;

/** The language runtimes of this server. */
export interface RuntimeKeeper {
  /** All of them, as JSON. */
  list(): readonly unknown[];
  /** One of them, as JSON. */
  view(runtime: RuntimeId): unknown;
  /** Has it fetched in the background, unless it is there or on its way. */
  want(runtime: RuntimeId): void;
}

/** Told of what the caller only sees as "internal error". */
export interface FailureLog {
  error(details: { requestId: string; error: unknown }, message: string): void;
}
