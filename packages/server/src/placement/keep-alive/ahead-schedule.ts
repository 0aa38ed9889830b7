import type { FunctionSpec } from '@hearth/protocol';
import type { Clock } from '../../instances/clock.ts';
import { Deadline } from '../deadline-queue.ts';
import { IdleQueues } from './idle-queues.ts';
import type { Ahead } from './policy.ts';

/** A sandbox that is to be made in place of one that was given up; due when it is to be there. */
export class AheadOfCall extends Deadline {
  readonly spec: FunctionSpec;
  /** Of the one that was given up, and since when it was idle. */
  readonly rank: number;
  readonly idleSince: number;
  readonly keepMs: number;
  readonly why: string;

  constructor(spec: FunctionSpec, rank: number, idleSince: number, { keepMs, why }: Ahead) {
    super();
    this.spec = spec;
    this.rank = rank;
    this.idleSince = idleSince;
    this.keepMs = keepMs;
    this.why = why;
  }
}

/** What is to be made ahead of the calls that a policy expects: at most one for each rank of a function version, or of one of its tenants. */
export class AheadSchedule implements Disposable {
  readonly #queues: IdleQueues;
  readonly #byVersion = new Map<string, Map<string, AheadOfCall>>();

  constructor(clock: Clock, onDue: (due: AheadOfCall) => void) {
    this.#queues = new IdleQueues(clock, (deadline) => {
      const due = deadline as AheadOfCall;
      this.#remove(due);
      onDue(due);
    });
  }

  add(planned: AheadOfCall, afterMs: number, now: number): void {
    const { spec, rank } = planned;
    this.cancel(spec, rank);
    const version = versionKey(spec);
    let ranks = this.#byVersion.get(version);
    if (ranks === undefined) {
      ranks = new Map();
      this.#byVersion.set(version, ranks);
    }
    ranks.set(rankKey(spec, rank), planned);
    this.#queues.add(planned, afterMs, now);
  }

  /** It has been needed, earlier than expected. */
  cancel(spec: FunctionSpec, rank: number): void {
    const planned = this.#byVersion.get(versionKey(spec))?.get(rankKey(spec, rank));
    if (planned !== undefined) this.#remove(planned);
  }

  /** The version is no more, for all its tenants. */
  forget({ key }: FunctionSpec): void {
    for (const planned of this.#byVersion.get(key)?.values() ?? []) planned.queue?.remove(planned);
    this.#byVersion.delete(key);
  }

  [Symbol.dispose](): void {
    this.#queues[Symbol.dispose]();
    this.#byVersion.clear();
  }

  #remove(planned: AheadOfCall): void {
    const { spec, rank } = planned;
    planned.queue?.remove(planned);
    const version = versionKey(spec);
    const ranks = this.#byVersion.get(version);
    ranks?.delete(rankKey(spec, rank));
    if (ranks?.size === 0) this.#byVersion.delete(version);
  }
}

function versionKey({ key, tenant }: FunctionSpec): string {
  return tenant?.of ?? key;
}

function rankKey({ tenant }: FunctionSpec, rank: number): string {
  return `${rank}/${tenant?.id ?? ''}`;
}
