import { randomUUID } from 'node:crypto';
import type { FunctionSpec, VersionReason } from '@hearth/protocol';
import type { FakeHandler } from '../../instances/testing/fake-agent.ts';
import { FakeProvider } from '../../instances/testing/fake-provider.ts';
import type { FakeProviderOptions } from '../../instances/testing/fake-provider.ts';
import { ManualClock } from '../../instances/testing/manual-clock.ts';
import { MemoryCode, testSpec } from '../../instances/testing/spec.ts';
import type { LogSink, LogWriter } from '../../placement/ports.ts';
import { Fleet } from '../fleet.ts';
import type { FleetOptions } from '../fleet.ts';
import type { Invocation, InvocationOutcome } from '../invocation.ts';
import type { OpenRecord, RecordSink } from '../ports.ts';

/** Logs kept as text, by stream. */
class MemoryLogs implements LogSink {
  readonly streams = new Map<string, string>();
  /** Writers that are open. */
  writers = 0;

  text(): string {
    return [...this.streams.values()].join('');
  }

  open(_owner: object, group: string, stream: string): LogWriter {
    const name = `${group}:${stream}`;
    this.writers++;
    if (!this.streams.has(name)) this.streams.set(name, '');
    return {
      write: (text) => void this.streams.set(name, this.streams.get(name)! + text.toString()),
      close: () => void this.writers--,
    };
  }
}

export class MemoryRecords implements RecordSink {
  readonly records = new Map<string, OpenRecord>();
  ended = 0;

  begin(requestId: string): OpenRecord {
    const record: OpenRecord = {
      sandbox: '',
      instance: '',
      startPath: 'warm',
      instanceStep: 'active',
      pool: '',
      reason: '',
      status: 'running',
      cold: undefined,
      deferral: undefined,
      error: '',
      placedUs: -1,
      initialisedUs: -1,
      startedUs: -1,
      endedUs: -1,
    };
    this.records.set(requestId, record);
    return record;
  }

  refused(requestId: string, _spec: FunctionSpec, _reason: VersionReason, _receivedAtMs: number, why: string): void {
    const record = this.begin(requestId);
    record.status = 'throttled';
    record.error = why;
  }

  end(): void {
    this.ended++;
  }
}

export interface TestFleetOptions
  extends
    Partial<FleetOptions>,
    Partial<Pick<FakeProviderOptions, 'handlers' | 'hangingInits' | 'onExecution' | 'freezer'>> {}

/** A whole fleet on fake instances, with a clock that the test moves. */
export class TestFleet implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly logs = new MemoryLogs();
  readonly records = new MemoryRecords();
  readonly code = new MemoryCode();
  readonly serverLog: string[] = [];
  readonly provider: FakeProvider;
  /** May be changed while it runs. */
  readonly handlers: Record<string, FakeHandler>;
  readonly fleet: Fleet;

  constructor(options: TestFleetOptions = {}) {
    this.handlers = { 'index.handler': (event) => event, ...options.handlers };
    this.provider = new FakeProvider({
      clock: this.clock,
      code: this.code,
      handlers: this.handlers,
      ...(options.hangingInits && { hangingInits: options.hangingInits }),
      ...(options.onExecution && { onExecution: options.onExecution }),
      ...(options.freezer && { freezer: options.freezer }),
    });
    this.fleet = new Fleet({
      provider: this.provider,
      logs: this.logs,
      records: this.records,
      credentialsFor: ({ account }) => ({ accessKeyId: account, secretAccessKey: 'secret', sessionToken: 'token' }),
      onLog: (level, message) => void this.serverLog.push(`${level}: ${message}`),
      clock: this.clock,
      warmInstances: 1,
      instanceMemoryMb: 1024,
      instanceCpus: 1,
      maxMemoryMb: 4096,
      overheadMb: 0,
      spares: 2,
      // More than a test has requests: nobody waits for a busy sandbox.
      processors: 1_000,
      ...options,
    });
    void this.fleet.start();
  }

  /** A function whose code the fleet can fetch. */
  spec(overrides: Partial<FunctionSpec> = {}): FunctionSpec {
    const account = overrides.account ?? '111111111111';
    const bytes = Buffer.from(`code of ${overrides.functionName ?? 'echo'}`);
    return testSpec({ ...overrides, code: { sha256: this.code.put(account, bytes), size: bytes.length } });
  }

  invoke(spec: FunctionSpec, event = '{}', more: Partial<Invocation> = {}): Promise<InvocationOutcome> {
    return this.fleet.invoke(this.invocation(spec, event, more));
  }

  invocation(spec: FunctionSpec, event = '{}', more: Partial<Invocation> = {}): Invocation {
    const payload = Buffer.from(event);
    return {
      requestId: randomUUID(),
      spec,
      reason: 'current',
      invokedArn: spec.functionArn,
      payload,
      tail: false,
      ...more,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = this.fleet[Symbol.asyncDispose]();
    // Whatever still runs is not waited for.
    this.clock.advance(60_000);
    await stopped;
    await this.provider[Symbol.asyncDispose]();
  }
}

/** Lets everything that is under way in this process go as far as it can without time passing. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}
