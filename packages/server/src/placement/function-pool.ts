import type { FunctionSpec } from '@hearth/protocol';
import { Line, type LineOptions } from './line.ts';
import type { VersionKeepAlive } from './keep-alive/policy.ts';
import type { PlacementRequest } from './placement-request.ts';
import type { Sandbox } from './sandbox.ts';

/** The weight of an invocation that took longer than what is kept. */
const FORGETTING = 0.01;
/**
 * Where many end in a short time they share the weight of that time, which is 1 for this long: a machine that has too much to do for
 * a moment makes no function slow.
 */
const FORGET_MS = 1_000;
/**
 * A function is quick if it takes less than this: about what it costs to switch to another sandbox, whose memory the
 * processor's caches have forgotten.
 */
const QUICK_MS = 1;
/** The first few compile code and compete with sandboxes that start: they prove a function slow only if they take much longer. */
const PROOF = 8;
/** A steady function has had as many invocations as these, one after the other, that took less than this. */
const STEADY_COUNT = 100;
const LONG_MS = 20;

/** What one account has here. */
export interface AccountUse {
  /** Its sandboxes that execute, or are on their way to it. */
  leases: number;
  /** Its function versions. */
  pools: number;
}

/**
 * The sandboxes of one function version. The idle ones are a stack, so that under less load the same few stay busy and
 * the surplus at the bottom grows old. Every step costs a few assignments.
 */
export class FunctionPool {
  readonly spec: FunctionSpec;
  readonly account: AccountUse;
  /** What the keep-alive policy knows of it. */
  readonly keepAlive: VersionKeepAlive;
  readonly sandboxes = new Set<Sandbox>();
  /** Requests of this function that wait for any sandbox of it. */
  readonly waiting = new Set<PlacementRequest>();
  /** Those for which a new one is being made where the code has to be fetched first: one that becomes free before serves them. */
  readonly fetching = new Set<PlacementRequest>();
  /** The function has changed or is deleted: what runs may finish, then its sandboxes end. */
  retired = false;
  /** Those who wait a moment for a busy sandbox rather than take another one. */
  readonly line: Line;
  /** Sandboxes that execute now, in no order. */
  readonly busy: Sandbox[] = [];
  /** Sandboxes on their way to their first invocation. */
  coming = 0;
  /** Invocations that have ended. */
  ended = 0;
  #top: Sandbox | undefined;
  /** Of the idle ones that are kept, the one to be taken last; all that are above it are kept, or were when they became idle. */
  #lowestKept: Sandbox | undefined;
  #observed = 0;
  /** How long an invocation takes when nothing is in its way: ms. */
  #serviceMs = Infinity;
  #observedAt = 0;
  readonly #processors: number;
  /** Invocations since the last that took long. */
  #quickOnes = 0;
  /** Invocations since the last that waited for anything but a processor. */
  #computed = 0;

  constructor(spec: FunctionSpec, account: AccountUse, options: LineOptions, keepAlive: VersionKeepAlive) {
    this.spec = spec;
    this.account = account;
    this.keepAlive = keepAlive;
    this.#processors = options.processors;
    this.line = new Line(this, options);
  }

  /** What its invocations are like, as far as that is known. */
  get pace(): 'unknown' | 'quick' | 'slow' {
    if (this.#observed < PROOF) return this.#observed > 0 && this.#serviceMs >= LONG_MS ? 'slow' : 'unknown';
    return this.#serviceMs < QUICK_MS ? 'quick' : 'slow';
  }

  /** Whether one can rely on the next invocation to be short. */
  get steady(): boolean {
    return this.#quickOnes >= STEADY_COUNT;
  }

  /** Whether one can rely on the next invocation to wait for nothing but a processor. */
  get computes(): boolean {
    return this.#computed >= STEADY_COUNT;
  }

  /** The request that has waited longest, of those that take any sandbox. */
  get taker(): PlacementRequest | undefined {
    for (const request of this.waiting) if (request.wish.keeper === undefined) return request;
    return undefined;
  }

  /** The idle sandbox to be taken first: the one that was used last, of those that are kept if there are any. */
  get top(): Sandbox | undefined {
    return this.#top;
  }

  /** In words, for a request that finds none. */
  get whyNoneIsIdle(): string {
    const { size } = this.sandboxes;
    if (size === 0) return 'there is no sandbox of this version';
    if (this.#top !== undefined) return 'those that are idle have no room to wake on their instances';
    return size === 1 ? 'the only sandbox of this version is busy' : `all ${size} sandboxes of this version are busy`;
  }

  get empty(): boolean {
    return this.sandboxes.size === 0 && this.waiting.size === 0 && this.line.empty;
  }

  /** Whether somebody whom it has accepted waits for his invocation to begin. */
  get hasUnbegun(): boolean {
    if (this.coming > 0 || this.waiting.size > 0 || !this.line.empty) return true;
    return this.busy.some(({ ahead }) => ahead.length > 0);
  }

  /**
   * An invocation has taken this long. What is kept is close to the least of the recent ones: when more sandboxes are
   * busy than there are processors, all the others waited for one.
   *
   * @param computed it has waited for nothing but a processor: its share of that time is what it took itself, at most.
   */
  observe(elapsed: number, now: number, computed: boolean): void {
    const milliseconds = computed ? elapsed * Math.min(1, this.#processors / this.busy.length) : elapsed;
    if (milliseconds < this.#serviceMs) this.#serviceMs = milliseconds;
    else {
      const weight = Math.min(FORGETTING, (now - this.#observedAt) / FORGET_MS);
      this.#serviceMs += (milliseconds - this.#serviceMs) * weight;
    }
    this.#observedAt = now;
    this.#computed = computed ? this.#computed + 1 : 0;
    this.#observed++;
    this.#quickOnes = milliseconds < LONG_MS ? this.#quickOnes + 1 : 0;
  }

  /** Its version takes over from another: until it has shown otherwise, its invocations are taken to be like that one's. */
  expectLike(other: FunctionPool): void {
    if (this.#observed > 0) return;
    this.#serviceMs = other.#serviceMs;
    this.#observed = Math.min(other.#observed, PROOF);
    this.line.expectLike(other.line);
  }

  /** A sandbox begins to execute. */
  enterBusy(sandbox: Sandbox): void {
    sandbox.busyIndex = this.busy.push(sandbox) - 1;
  }

  /** It executes no more. */
  leaveBusy(sandbox: Sandbox): void {
    const last = this.busy.pop()!;
    if (last === sandbox) return;
    this.busy[sandbox.busyIndex] = last;
    last.busyIndex = sandbox.busyIndex;
  }

  push(sandbox: Sandbox): void {
    // The others below those that are kept: so the surplus grows old.
    const above = sandbox.keeper === undefined ? this.#lowestKept : undefined;
    const below = above === undefined ? this.#top : above.below;
    sandbox.above = above;
    sandbox.below = below;
    if (above === undefined) this.#top = sandbox;
    else above.below = sandbox;
    if (below !== undefined) below.above = sandbox;
    if (sandbox.keeper !== undefined) this.#lowestKept ??= sandbox;
  }

  /** Takes an idle sandbox out of the stack, wherever in it it is. */
  take(sandbox: Sandbox): void {
    if (this.#lowestKept === sandbox) this.#lowestKept = sandbox.above;
    if (sandbox.above !== undefined) sandbox.above.below = sandbox.below;
    else if (this.#top === sandbox) this.#top = sandbox.below;
    if (sandbox.below !== undefined) sandbox.below.above = sandbox.above;
    sandbox.below = undefined;
    sandbox.above = undefined;
  }
}
