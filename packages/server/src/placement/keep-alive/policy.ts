/** The port between placement and the policies that say how long an idle sandbox is kept. */
import type { FunctionSpec } from '@hearth/protocol';

export const POLICY_NAMES = ['fixed', 'hybrid-histogram', 'greedy-dual', 'break-even'] as const;
export type PolicyName = (typeof POLICY_NAMES)[number];

/** An idle sandbox as a policy sees it; the policy writes its decision into the last three. */
export interface Resting {
  /**
   * It will be needed again when as many invocations of its function version run at once. Idle sandboxes are a stack, so this
   * holds for as long as it is idle.
   */
  rank: number;
  /** Clock's time since when no as many ran; for one that was made ahead, that of the sandbox in whose place it came. */
  idleSince: number;
  /** What it uses while idle. */
  readonly usedMb: number;
  /** What a new one in its place would take to load its function: ms; 0 where unknown. */
  readonly loadedInMs: number;
  /** How long it is kept from now on unless it is needed: ms. */
  keepMs: number;
  /** Why, in words that a person is shown. */
  keepWhy: string;
  /** Of several idle sandboxes the one with the least goes first when memory is needed. */
  keepPriority: number;
}

/** A sandbox that is to be there again, some time after one was given up. */
export interface Ahead {
  /** From when the other was given up: ms. */
  readonly afterMs: number;
  /** How long it is then kept: ms. */
  readonly keepMs: number;
  readonly why: string;
}

/** What a policy remembers of one function version, and decides of its sandboxes. Each call costs a few assignments most of the time. */
export interface VersionKeepAlive {
  /** So many invocations run at once from `now` on, one more than before; where fewer than 5 ms lie between two, it may go unsaid. */
  needed(rank: number, now: number): void;
  /** A sandbox has become idle: writes `keepMs`, `keepWhy` and `keepPriority`. Few different `keepMs`, for each has a queue of its own. */
  rested(sandbox: Resting, now: number): void;
  /** Its time is over, and it goes. */
  expired(sandbox: Resting, now: number): Ahead | undefined;
  /** It has to go because memory is needed. */
  evicted(sandbox: Resting): void;
}

export interface KeepAlivePolicy {
  readonly name: PolicyName;
  /** What is remembered of a version, see {@link versionOf}; begun here if there is nothing. */
  of(version: string): VersionKeepAlive;
  /** The version is deleted, for all its tenants. */
  forget(version: string): void;
  /** A sandbox is idle no more, for whatever reason; it was for so long: ms. */
  spent(sandbox: Resting, idleMs: number): void;
}

/** By what a version is known: the function's ARN and the version, as its code may get new and its calls stay; each tenant's calls by themselves. */
export function versionOf({ functionArn, version, tenant }: FunctionSpec): string {
  return tenant === undefined ? `${functionArn}:${version}` : `${functionArn}:${version}${OF_TENANT}${tenant.id}`;
}

/** Between the version and the tenant: no version has it in its name. */
export const OF_TENANT = '/';

export interface KeepAliveOptions {
  /** `fixed`: how long each is kept. `break-even`: uses as much idle memory as if each were kept for so long. ms. */
  readonly idleMs: number;
  /** No sandbox is kept for longer: ms; less than an instance is (row Z3). */
  readonly maxIdleMs: number;
}
