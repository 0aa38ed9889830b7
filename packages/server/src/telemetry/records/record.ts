import type { FunctionSpec, InstanceStep, StartPath, VersionReason } from '@hearth/protocol';
import type { InvocationRecord } from '../../invoke/invocation.ts';

/** How far a step is behind the invocation's arrival; -1 where it has not been reached. Whole microseconds: a small integer costs no memory of its own. */
const NOT_YET = -1;

/**
 * The record of one invocation in the form in which many are kept: references to what others hold anyway, small
 * integers, nothing formatted. The router makes one, fills it in as the invocation goes on, and puts it into the ring;
 * what a reader sees is derived when it asks.
 */
export class CompactRecord implements InvocationRecord {
  readonly requestId: string;
  readonly spec: Pick<FunctionSpec, 'account' | 'functionName' | 'version'>;
  readonly versionReason: VersionReason;
  sandbox = '';
  instance = '';
  startPath: StartPath = 'warm';
  instanceStep: InstanceStep = 'active';
  pool = '';
  reason = '';
  status: InvocationRecord['status'] = 'running';
  /** Microseconds since arrival, whole numbers; see {@link NOT_YET}. */
  placedUs = NOT_YET;
  initialisedUs = NOT_YET;
  startedUs = NOT_YET;
  endedUs = NOT_YET;
  readonly #receivedMs: number;

  /** @param receivedMs when the request arrived, milliseconds since the epoch. */
  constructor(
    requestId: string,
    spec: Pick<FunctionSpec, 'account' | 'functionName' | 'version'>,
    versionReason: VersionReason,
    receivedMs: number,
  ) {
    this.requestId = requestId;
    this.spec = spec;
    this.versionReason = versionReason;
    this.#receivedMs = receivedMs;
  }

  /** The same from a whole record, for those who have one. */
  static from(record: InvocationRecord): CompactRecord {
    const { account, functionName, version, times } = record;
    const compact = new CompactRecord(
      record.requestId,
      { account, functionName, version },
      record.versionReason,
      Date.parse(record.receivedAt),
    );
    compact.sandbox = record.sandbox;
    compact.instance = record.instance;
    compact.startPath = record.startPath;
    compact.instanceStep = record.instanceStep;
    compact.pool = record.pool;
    compact.reason = record.reason;
    compact.status = record.status;
    compact.placedUs = toMicroseconds(times.placed);
    compact.initialisedUs = toMicroseconds(times.initialised);
    compact.startedUs = toMicroseconds(times.started);
    compact.endedUs = toMicroseconds(times.ended);
    return compact;
  }

  get account(): string {
    return this.spec.account;
  }
  get functionName(): string {
    return this.spec.functionName;
  }
  get version(): string {
    return this.spec.version;
  }
  get fleet(): 'push' {
    return 'push';
  }
  get receivedAt(): string {
    return new Date(this.#receivedMs).toISOString();
  }
  get times(): InvocationRecord['times'] {
    const times: InvocationRecord['times'] = {};
    if (this.placedUs !== NOT_YET) times.placed = this.placedUs / 1000;
    if (this.initialisedUs !== NOT_YET) times.initialised = this.initialisedUs / 1000;
    if (this.startedUs !== NOT_YET) times.started = this.startedUs / 1000;
    if (this.endedUs !== NOT_YET) times.ended = this.endedUs / 1000;
    return times;
  }

  toJSON(): InvocationRecord {
    return {
      requestId: this.requestId,
      account: this.account,
      functionName: this.functionName,
      version: this.version,
      versionReason: this.versionReason,
      sandbox: this.sandbox,
      instance: this.instance,
      startPath: this.startPath,
      instanceStep: this.instanceStep,
      fleet: this.fleet,
      pool: this.pool,
      reason: this.reason,
      receivedAt: this.receivedAt,
      times: this.times,
      status: this.status,
    };
  }
}

function toMicroseconds(ms: number | undefined): number {
  return ms === undefined ? NOT_YET : Math.round(ms * 1000);
}
