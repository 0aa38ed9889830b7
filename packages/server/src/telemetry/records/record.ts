import type { FunctionSpec, InstanceStep, StartPath, VersionReason } from '@hearth/protocol';
import type { LadderStep } from '../../placement/trail.ts';
import type { Deferral } from '../../invoke/deferral/terms.ts';
import type { ColdStart, InvocationRecord } from '../../invoke/invocation.ts';

/** How far a step is behind the invocation's arrival; -1 where it has not been reached. Whole microseconds: a small integer costs no memory of its own. */
const NOT_YET = -1;

/**
 * The record of one invocation in the form in which many are kept: references to what others hold anyway, small
 * integers, nothing formatted. The router makes one, fills it in as the invocation goes on, and puts it into the ring;
 * what a reader sees is derived when it asks.
 */
export class CompactRecord {
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
  cold: ColdStart | undefined = undefined;
  error = '';
  deferral: Deferral | undefined = undefined;
  /** Microseconds since arrival, whole numbers; see {@link NOT_YET}. */
  placedUs = NOT_YET;
  initialisedUs = NOT_YET;
  startedUs = NOT_YET;
  endedUs = NOT_YET;
  readonly #receivedMs: number;
  /** What {@link cold} was when the record was complete, as JSON: a third of the memory, and nothing for a collector to walk through. */
  #sealed = '';

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

  /** The record is complete: from now on it is kept in less memory. */
  seal(): void {
    if (this.cold === undefined) return;
    this.#sealed = JSON.stringify(this.cold);
    this.cold = undefined;
  }

  get #cold(): ColdStart | undefined {
    return this.#sealed === '' ? this.cold : (JSON.parse(this.#sealed) as ColdStart);
  }

  get #times(): InvocationRecord['times'] {
    const times: InvocationRecord['times'] = {};
    if (this.placedUs !== NOT_YET) times.placed = this.placedUs / 1000;
    if (this.initialisedUs !== NOT_YET) times.initialised = this.initialisedUs / 1000;
    if (this.startedUs !== NOT_YET) times.started = this.startedUs / 1000;
    if (this.endedUs !== NOT_YET) times.ended = this.endedUs / 1000;
    return times;
  }

  /** What a reader sees of it at this moment. */
  toJSON(): InvocationRecord {
    const { account, functionName, version } = this.spec;
    const placed = this.sandbox !== '';
    const cold = this.#cold;
    return {
      requestId: this.requestId,
      account,
      functionName,
      version,
      versionReason: this.versionReason,
      sandbox: this.sandbox,
      instance: this.instance,
      startPath: placed ? this.startPath : null,
      instanceStep: placed ? this.instanceStep : null,
      fleet: 'push',
      pool: this.pool,
      reason: this.reason,
      receivedAt: new Date(this.#receivedMs).toISOString(),
      times: this.#times,
      ladder: cold?.ladder ?? (placed ? [this.#warmStep] : []),
      costs: cold?.costs ?? {},
      ...(this.deferral && { deferral: this.deferral }),
      status: this.status,
      ...(this.error === '' ? undefined : { error: this.error }),
    };
  }

  /** What the ladder comes to where the first step does. */
  get #warmStep(): LadderStep {
    return { step: 'idle', taken: true, why: this.reason, at: this.placedUs / 1000 };
  }
}
