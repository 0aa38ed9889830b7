import type { InvokeMeta, StartPath } from '@hearth/protocol';
import type { Clock } from '../instances/clock.ts';
import { afterPending } from '../instances/after-pending.ts';
import { MAX_RESPONSE } from '../instances/incoming-response.ts';
import type { InvocationListener } from '../instances/safe-sandbox.ts';
import { Deadline } from '../placement/deadline-queue.ts';
import type { PatientRequest } from '../placement/line.ts';
import { NO_LEASE } from '../placement/sandbox.ts';
import type { Sandbox, SandboxHolder, SandboxLoss } from '../placement/sandbox.ts';
import { Trail } from '../placement/trail.ts';
import type { VersionUse } from './concurrency.ts';
import { errorDocument, errorTypeOf, runtimeFailure } from './exit-error.ts';
import type { Invocation, InvocationOutcome, InvocationRecord } from './invocation.ts';
import type { SizedOutcome } from './history/usage-window.ts';
import { LogTail } from './log-tail.ts';
import type { OpenRecord } from './ports.ts';
import { platformLog, type Ending, type InitEnd, type PlatformLog } from './platform-log.ts';
import { timeoutMessage } from './report.ts';
import { MAX_STREAMED_RESPONSE, StreamedResponse } from './streamed-response.ts';

/** What an execution needs of the router. */
export interface ExecutionHost {
  readonly clock: Clock;
  /** Has `onDeadline` called after the function's time-out. */
  arm(execution: Execution, timeoutMs: number, now: number): void;
  measure(sandbox: Sandbox, now: number): void;
  /** The sandbox may serve the next. */
  release(sandbox: Sandbox, lease: number, now: number): void;
  /** The sandbox ends. */
  abandon(sandbox: Sandbox, lease: number, reason: string): void;
  /** The invocation has its outcome. */
  ended(execution: Execution, outcome: InvocationOutcome, now: number): void;
  /** It has waited in vain for a busy sandbox. */
  goOn(execution: Execution): void;
  /** The sandbox died of its last invocation before it began with this one: another may have it. */
  again(execution: Execution): void;
}

/** Statuses with which the runtime ends after an error that it has reported already. */
const CRASH_STATUSES: ReadonlySet<number | null> = new Set([128, 129]);

/**
 * One invocation, from the lease of its sandbox to its outcome. It is its own deadline, its sandbox's holder and its
 * stream's listener: the warm path makes this one object for each invocation.
 */
export class Execution extends Deadline implements PatientRequest, InvocationListener, SandboxHolder {
  readonly invocation: Invocation;
  /** Where it is counted until it has its outcome. */
  readonly use: VersionUse;
  readonly record: OpenRecord;
  /** Clock's time of arrival. */
  readonly receivedAt: number;
  readonly resolve: (outcome: InvocationOutcome) => void;
  /** Set where there was no idle sandbox, and so it may yet be refused. */
  reject: ((error: Error) => void) | undefined;
  /** What was tried to find it a sandbox, once none was idle. */
  trail: Trail | undefined;
  readonly #host: ExecutionHost;
  readonly #tail: LogTail | undefined;
  readonly #platform: PlatformLog;
  #sandbox: Sandbox | undefined;
  /** The number of its lease of that. */
  #lease = NO_LEASE;
  #startPath: StartPath = 'warm';
  #startedAt = 0;
  #initMs: number | undefined;
  #initBilled = false;
  #startWritten = false;
  #heard = false;
  /** Set once it streams its response to a sink. */
  #streamed: StreamedResponse | undefined;
  /** Of a response that it streams and that is collected. */
  #contentType: string | undefined;
  /** Clock's time at which its answer came, where what was printed before is waited for. */
  #answeredAt: number | undefined;
  /** Whether its event is in its sandbox's hands already. */
  #sent = false;
  /** Whether init takes place inside this invocation, on its time. */
  initialising = false;
  /** Whether it has been given a second sandbox. */
  repeated = false;
  /** How it ended, as far as that says something of its function's size. */
  sizedOutcome: SizedOutcome = 'ended';

  constructor(
    host: ExecutionHost,
    invocation: Invocation,
    use: VersionUse,
    record: OpenRecord,
    receivedAt: number,
    resolve: (outcome: InvocationOutcome) => void,
  ) {
    super();
    this.#host = host;
    this.invocation = invocation;
    this.use = use;
    this.record = record;
    this.receivedAt = receivedAt;
    this.resolve = resolve;
    this.#tail = invocation.tail ? new LogTail() : undefined;
    this.#platform = platformLog(invocation.spec);
  }

  /** The most memory that its sandbox has used: MB, 0 where that is not known. */
  get usedMb(): number {
    return this.#sandbox?.maxUsedMb ?? 0;
  }

  get bytes(): number {
    return this.invocation.payload.length;
  }

  given(sandbox: Sandbox, now: number): void {
    this.placed(sandbox, 'warm', now);
    this.record.reason = 'a busy sandbox of this version had done with another';
    this.run(undefined, now);
  }

  sendAhead(sandbox: Sandbox): void {
    this.#sent = true;
    const { payload, spec } = this.invocation;
    sandbox.stream!.invokeAhead(this.#meta(spec.timeoutMs), payload, this);
  }

  takenBack(): void {
    this.#sent = false;
  }

  goOn(): void {
    const { clock } = this.#host;
    this.seeks().missed('line', 'the line for a busy sandbox of this version was too long', clock.now());
    this.#host.goOn(this);
  }

  /** No sandbox is idle: from now on it is written down what is tried. */
  seeks(): Trail {
    if (this.trail === undefined) {
      this.trail = new Trail(this.receivedAt);
      this.record.cold = { ladder: this.trail.steps, costs: {} };
    }
    return this.trail;
  }

  /** Takes note of the sandbox that it got. */
  placed(sandbox: Sandbox, startPath: StartPath, now: number): void {
    this.#sandbox = sandbox;
    this.#lease = sandbox.lease;
    this.#startPath = startPath;
    const { record } = this;
    record.sandbox = sandbox.id;
    record.instance = sandbox.instance.id;
    record.pool = sandbox.instance.holding.subPool;
    record.startPath = startPath;
    record.placedUs = this.#since(now);
    if (startPath === 'warm') {
      record.instanceStep = 'active';
      record.reason = this.trail === undefined ? idleReason(sandbox) : (this.trail.last ?? '');
    } else {
      record.instanceStep = sandbox.instanceStep;
      record.reason = sandbox.reason;
      if (record.cold !== undefined) record.cold.costs = sandbox.costs;
    }
  }

  /** The time-out runs from now on; for an init inside the invocation that is before `run`. */
  start(now: number): void {
    this.#startedAt = now;
    this.record.startedUs = this.#since(now);
    this.#host.arm(this, this.invocation.spec.timeoutMs, now);
  }

  /**
   * Sends the event to the sandbox, which must be executing and this execution's alone, unless it has it already.
   *
   * @param initMs how long its init took, if it was made for this invocation and initialised before.
   */
  run(initMs: number | undefined, now: number): void {
    const sandbox = this.#sandbox!;
    if (this.queue === undefined) this.start(now);
    this.#initMs = initMs ?? sandbox.initMs;
    this.#initBilled = initMs !== undefined;
    sandbox.initMs = undefined;
    sandbox.holder = this;
    sandbox.leasedAt = now;
    if (this.#sent) return;
    const { spec, payload } = this.invocation;
    sandbox.stream!.invoke(this.#meta(Math.round(spec.timeoutMs - (now - this.#startedAt))), payload, this);
  }

  #meta(timeoutMs: number): InvokeMeta {
    const { requestId, invokedArn, payload, traceId, tenantId, clientContext } = this.invocation;
    return {
      requestId,
      timeoutMs,
      arn: invokedArn,
      length: payload.length,
      ...(traceId === undefined ? undefined : { traceId }),
      ...(tenantId === undefined ? undefined : { tenantId }),
      ...(clientContext === undefined ? undefined : { clientContext }),
    };
  }

  onLog(text: Buffer): void {
    this.#heard = true;
    this.#writeStart();
    this.#write(text);
  }

  onOutput(bytes: Buffer): void {
    this.onLog(bytes);
  }

  onHead(contentType: string, grant: (bytes: number) => void): boolean {
    this.#heard = true;
    const { sink } = this.invocation;
    if (sink === undefined) this.#contentType = contentType;
    else this.#streamed = new StreamedResponse(sink, { contentType, startPath: this.#startPath }, grant);
    return sink !== undefined;
  }

  onPart(bytes: Buffer): void {
    this.#streamed!.add(bytes);
  }

  onWhole(): void {
    this.#streamed?.whole();
  }

  onResponse(payload: Buffer, computed: boolean): void {
    this.#sandbox!.computed = computed;
    if (this.#streamed?.tooLarge === true) this.#tooLarge(MAX_STREAMED_RESPONSE);
    else this.#returned('succeeded', payload, undefined);
  }

  onError(document: Buffer): void {
    this.#sandbox!.failedLast = true;
    // Only JSON logs tell the type of what the function itself has thrown.
    this.#returned('failed', document, this.invocation.spec.jsonLogs && errorTypeOf(document));
  }

  onResponseTooLarge(): void {
    this.#tooLarge(MAX_RESPONSE);
  }

  #tooLarge(limit: number): void {
    const errorType = 'Function.ResponseSizeTooLarge';
    const errorMessage = `Response payload size exceeded maximum allowed payload size (${limit} bytes).`;
    this.#returned('failed', Buffer.from(JSON.stringify({ errorType, errorMessage })), errorType);
  }

  /** The time-out has passed. */
  onDeadline(): void {
    const { requestId, spec } = this.invocation;
    const message = timeoutMessage(spec.timeoutMs);
    const now = this.#host.clock.now();
    this.sizedOutcome = 'timed-out';
    if (this.initialising) this.initEnded('invoke', 'timeout');
    const sandbox = this.#sandbox;
    if (sandbox !== undefined) this.#host.measure(sandbox, now);
    const document = errorDocument('Sandbox.Timedout', requestId, message);
    this.#close('timed-out', document, now, { durationMs: spec.timeoutMs, status: 'timeout', verdict: message });
    if (sandbox === undefined) return;
    if (sandbox.holder === this) sandbox.holder = undefined;
    this.#host.abandon(sandbox, this.#lease, 'its invocation timed out');
  }

  onLost(loss: SandboxLoss): void {
    // Its answer is here, and only its last words are waited for.
    if (this.#answeredAt !== undefined) return;
    const { exit } = loss;
    const crashedBefore = this.#sandbox!.failedLast && !this.#heard && CRASH_STATUSES.has(exit?.code ?? null);
    if (crashedBefore && exit !== null && !this.repeated) {
      this.repeated = true;
      this.#sent = false;
      this.queue?.remove(this);
      return this.#host.again(this);
    }
    this.died(loss);
  }

  /** Its sandbox begins to load the function: in its own phase, or inside this invocation and on its time. */
  initStarted(phase: InitEnd['phase']): void {
    this.initialising = phase === 'invoke';
    const { clock } = this.#host;
    if (this.initialising) this.start(clock.now());
    this.#writeInit(this.#platform.initStart(this.invocation.spec, { phase, type: 'on-demand' }, clock.wallTime()));
  }

  initEnded(phase: InitEnd['phase'], status: InitEnd['status'], errorType?: string): void {
    this.initialising = false;
    const { clock } = this.#host;
    const durationMs = clock.now() - this.#sandbox!.initStartedAt;
    this.#writeInit(
      this.#platform.initEnd({ durationMs, phase, type: 'on-demand', status, errorType }, clock.wallTime()),
    );
  }

  /** The sandbox ended while it initialised or executed. */
  died(loss: SandboxLoss): void {
    const { requestId } = this.invocation;
    const { errorType, message } = runtimeFailure(loss);
    if (loss.exit?.outOfMemory === true) this.sizedOutcome = 'out-of-memory';
    const sandbox = this.#sandbox!;
    sandbox.maxUsedMb = Math.max(sandbox.maxUsedMb, loss.maxMemoryMb);
    const now = this.#host.clock.now();
    const document = errorDocument(errorType, requestId, message);
    const durationMs = now - (this.#startedAt || now);
    this.#close('lost', document, now, { durationMs, status: 'error', errorType, verdict: message });
  }

  /** Init failed once more, inside the invocation: that is its outcome. */
  initFailed(document: Buffer): void {
    const now = this.#host.clock.now();
    const durationMs = now - this.#startedAt;
    this.#close('failed', document, now, {
      durationMs,
      status: 'error',
      errorType: errorTypeOf(document),
      verdict: '',
    });
  }

  #write(text: string | Buffer): void {
    if (text.length === 0) return;
    this.#sandbox?.log?.write(text, this.invocation.requestId);
    this.#tail?.add(text);
  }

  /** Init is the sandbox's affair, not this invocation's: its tail doesn't show it. */
  #writeInit(text: string): void {
    if (text !== '') this.#sandbox?.log?.write(text);
  }

  #writeStart(): void {
    if (this.#startWritten) return;
    this.#startWritten = true;
    this.#write(this.#startLine());
  }

  #startLine(): string {
    const { requestId, spec, tenantId } = this.invocation;
    const { clock } = this.#host;
    const ago = this.#startedAt === 0 ? 0 : clock.now() - this.#startedAt;
    return this.#platform.start(
      { requestId, version: spec.version, trace: this.#trace, tenantId },
      clock.wallTime() - ago,
    );
  }

  /** The header that the platform's lines show. */
  get #trace(): string | undefined {
    return this.invocation.spec.tracing === undefined ? undefined : this.invocation.traceId;
  }

  #returned(status: 'succeeded' | 'failed', payload: Buffer, errorType: string | undefined): void {
    const now = this.#host.clock.now();
    const sandbox = this.#sandbox!;
    if (sandbox.writesOutput && this.#answeredAt === undefined) {
      // What its processes wrote to their descriptors before comes on a stream of its own, and belongs before END.
      this.#answeredAt = now;
      this.queue?.remove(this);
      return afterPending(() => this.#returned(status, payload, errorType));
    }
    if (status === 'succeeded') sandbox.failedLast = false;
    this.#host.measure(sandbox, now);
    const durationMs = (this.#answeredAt ?? now) - this.#startedAt;
    this.#close(status, payload, now, { durationMs, status: status === 'succeeded' ? 'success' : 'error', errorType });
    this.#host.release(sandbox, this.#lease, now);
  }

  #close(status: InvocationRecord['status'], payload: Buffer, now: number, ending: Ending): void {
    this.queue?.remove(this);
    this.#streamed?.end();
    const { requestId, spec } = this.invocation;
    const facts = {
      requestId,
      initMs: this.#initMs,
      initBilled: this.#initBilled,
      memoryMb: spec.memoryMb,
      maxUsedMb: Math.min(spec.memoryMb, this.#sandbox?.maxUsedMb ?? 0),
      producedBytes: this.#streamed?.total ?? payload.length,
      trace: this.#trace,
      tenantId: this.invocation.tenantId,
    };
    const end = this.#platform.end(facts, ending, this.#host.clock.wallTime());
    this.#write(this.#startWritten ? end : this.#startLine() + end);
    this.record.status = status;
    if (status !== 'succeeded') this.record.error = ending.verdict || (ending.errorType ?? errorTypeOf(payload));
    this.record.endedUs = this.#since(now);
    const outcome: { -readonly [K in keyof InvocationOutcome]: InvocationOutcome[K] } = {
      payload,
      startPath: this.#startPath,
    };
    if (status !== 'succeeded') outcome.functionError = 'Unhandled';
    else if (this.#contentType !== undefined) outcome.contentType = this.#contentType;
    if (this.#tail !== undefined) outcome.logTail = this.#tail.base64();
    this.#host.ended(this, outcome, now);
  }

  #since(now: number): number {
    return Math.round((now - this.receivedAt) * 1000);
  }
}

function idleReason({ keeper }: Sandbox): string {
  return keeper === undefined ? 'an idle sandbox of this version' : `kept ready: ${keeper.name}`;
}
