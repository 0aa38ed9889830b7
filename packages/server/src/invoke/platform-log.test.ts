import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testSpec } from '../instances/testing/spec.ts';
import { platformLog, type Ending, type InvocationFacts } from './platform-log.ts';

const NOW = Date.UTC(2026, 10, 26, 3, 30);
const TRACE = 'Root=1-6566d2f0-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1';
const facts: InvocationFacts = {
  requestId: 'R',
  initMs: undefined,
  initBilled: false,
  memoryMb: 128,
  maxUsedMb: 40,
  producedBytes: 9,
  trace: undefined,
  tenantId: undefined,
};
const spec = {
  ...testSpec({ code: { sha256: '', size: 0 } }),
  runtime: 'nodejs22.x',
  runtimeVersionArn: 'arn:aws:lambda:us-east-1::runtime:0',
} as const;
const logOf = (systemLevel: 'DEBUG' | 'INFO' | 'WARN') =>
  platformLog({ ...spec, jsonLogs: { applicationLevel: 'INFO', systemLevel } });
const events = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Event);
const init = { phase: 'init', type: 'on-demand' } as const;
const inInvoke = { phase: 'invoke', type: 'on-demand' } as const;
interface Event {
  time: string;
  type: string;
  record: Record<string, unknown>;
}

// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
describe('the text format', () => {
  const log = platformLog(spec);
  const report = (ending: Ending, more: Partial<InvocationFacts> = {}) => log.end({ ...facts, ...more }, ending, NOW);

  test('announces an environment with its runtime', () => {
    const line = 'INIT_START Runtime Version: nodejs:22.v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:0\n';
    assert.equal(log.initStart(spec, init, NOW), line);
    assert.equal(log.initStart(spec, inInvoke, NOW), '');
  });

  test('reports an init only where it failed', () => {
    assert.equal(log.initEnd({ ...init, durationMs: 5, status: 'success', errorType: undefined }, NOW), '');
    assert.equal(
      log.initEnd({ ...init, durationMs: 10000, status: 'timeout', errorType: undefined }, NOW),
      'INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n',
    );
    assert.equal(
      log.initEnd({ ...inInvoke, durationMs: 1.234, status: 'error', errorType: 'Runtime.ExitError' }, NOW),
      'INIT_REPORT Init Duration: 1.23 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n',
    );
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html: init is billed
  test('bills whole milliseconds, those of init too', () => {
    const start = 'END RequestId: R\nREPORT RequestId: R\tDuration: 2.01 ms\t';
    const middle = 'Memory Size: 128 MB\tMax Memory Used: 40 MB\t';
    const ending = { durationMs: 2.01, status: 'success' } as const;
    assert.equal(report(ending), `${start}Billed Duration: 3 ms\t${middle}\n`);
    assert.equal(
      report(ending, { initMs: 100.5, initBilled: true }),
      `${start}Billed Duration: 103 ms\t${middle}Init Duration: 100.50 ms\t\n`,
    );
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
  test('shows an init ahead of the invocation, but does not bill it with it', () => {
    const line = report({ durationMs: 2.01, status: 'success' }, { initMs: 100.5 });
    assert.match(line, /Billed Duration: 3 ms\t.*\tInit Duration: 100\.50 ms\t\n$/);
  });

  test('says how the platform ended an invocation, and nothing where the function failed by itself', () => {
    assert.match(report({ durationMs: 1, status: 'error', errorType: 'Error' }), /40 MB\t\n$/);
    assert.match(
      report({ durationMs: 3000, status: 'timeout', verdict: 'Task timed out after 3.00 seconds' }),
      /^2026-11-26T03:30:00\.000Z R Task timed out after 3\.00 seconds\n\nEND .*\nREPORT .*\tStatus: timeout\n$/,
    );
    assert.match(
      report({ durationMs: 1, status: 'error', errorType: 'Runtime.ExitError', verdict: 'Runtime exited' }),
      /\tStatus: error\tError Type: Runtime\.ExitError\nRequestId: R Error: Runtime exited\nRuntime\.ExitError\n$/,
    );
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
  test('names the trace of a sampled invocation', () => {
    const line = '\nXRAY TraceId: 1-6566d2f0-0123456789abcdef01234567\tSegmentId: 0123456789abcdef\tSampled: true\t\n';
    const ending = { durationMs: 1, status: 'success' } as const;
    assert.ok(report(ending, { trace: TRACE }).endsWith(line));
    assert.doesNotMatch(report(ending, { trace: TRACE.replace('Sampled=1', 'Sampled=0') }), /XRAY/);
  });
});

// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
describe('the JSON format', () => {
  const log = logOf('DEBUG');

  test('has the records of the Telemetry API', () => {
    const [initStart] = events(log.initStart(spec, init, NOW));
    assert.deepEqual(initStart, {
      time: '2026-11-26T03:30:00.000Z',
      type: 'platform.initStart',
      record: {
        initializationType: 'on-demand',
        phase: 'init',
        runtimeVersion: 'nodejs:22.v1',
        runtimeVersionArn: 'arn:aws:lambda:us-east-1::runtime:0',
        functionName: spec.functionName,
        functionVersion: '$LATEST',
        instanceMaxMemory: 134217728,
      },
    });
    assert.deepEqual(
      events(log.start({ requestId: 'R', version: '$LATEST', trace: TRACE, tenantId: undefined }, NOW))[0]!.record,
      {
        requestId: 'R',
        version: '$LATEST',
        tracing: { type: 'X-Amzn-Trace-Id', value: TRACE },
      },
    );
    const [done, report] = events(
      log.end({ ...facts, initMs: 7.5, initBilled: true }, { durationMs: 1.23456, status: 'success' }, NOW),
    );
    assert.deepEqual(done, {
      time: '2026-11-26T03:30:00.000Z',
      type: 'platform.runtimeDone',
      record: { requestId: 'R', status: 'success', metrics: { durationMs: 1.235, producedBytes: 9 } },
    });
    assert.equal(report!.type, 'platform.report');
    assert.deepEqual(report!.record, {
      requestId: 'R',
      status: 'success',
      metrics: { durationMs: 1.235, billedDurationMs: 9, memorySizeMB: 128, maxMemoryUsedMB: 40, initDurationMs: 7.5 },
    });
    const failed = { ...init, durationMs: 10, status: 'error', errorType: 'E' } as const;
    assert.deepEqual(
      events(log.initEnd(failed, NOW)).map(({ type, record }) => [type, record]),
      [
        [
          'platform.initRuntimeDone',
          { initializationType: 'on-demand', phase: 'init', status: 'error', errorType: 'E' },
        ],
        [
          'platform.initReport',
          {
            initializationType: 'on-demand',
            phase: 'init',
            status: 'error',
            errorType: 'E',
            metrics: { durationMs: 10 },
          },
        ],
      ],
    );
  });

  test('says what the environment was initialised for', () => {
    const type = 'provisioned-concurrency';
    const text =
      log.initStart(spec, { phase: 'init', type }, NOW) +
      log.initEnd({ phase: 'init', type, durationMs: 10, status: 'success', errorType: undefined }, NOW);
    assert.deepEqual(
      events(text).map(({ record }) => record['initializationType']),
      [type, type, type],
    );
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-monitor.html
  test('names the tenant whom an invocation is for', () => {
    const tenantId = 'blue';
    const text =
      log.start({ requestId: 'R', version: '1', trace: undefined, tenantId }, NOW) +
      log.end({ ...facts, tenantId }, { durationMs: 1, status: 'success' }, NOW);
    assert.deepEqual(
      events(text).map(({ record }) => record['tenantId']),
      ['blue', 'blue', 'blue'],
    );
  });

  test('puts what failed and why into the record', () => {
    for (const ending of [
      { durationMs: 1, status: 'error', errorType: 'Runtime.ExitError', verdict: 'Runtime exited' },
      { durationMs: 3000, status: 'timeout', verdict: 'Task timed out after 3.00 seconds' },
    ] as const) {
      for (const { record } of events(log.end(facts, ending, NOW))) {
        assert.equal(record['status'], ending.status);
        assert.equal(record['errorType'], 'errorType' in ending ? ending.errorType : undefined);
      }
    }
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
  test('leaves out what is below the system log level', () => {
    const success = { durationMs: 1, status: 'success' } as const;
    const failure = { durationMs: 1, status: 'error' } as const;
    const goodInit = { ...init, durationMs: 1, status: 'success', errorType: undefined } as const;
    const badInit = { ...goodInit, status: 'timeout' } as const;
    const types = (level: 'DEBUG' | 'INFO' | 'WARN', ok: boolean) => {
      const of = logOf(level);
      const text =
        of.initStart(spec, init, NOW) +
        of.initEnd(ok ? goodInit : badInit, NOW) +
        of.start({ requestId: 'R', version: '1', trace: undefined, tenantId: undefined }, NOW) +
        of.end(facts, ok ? success : failure, NOW);
      return events(text).map(({ type }) => type.replace('platform.', ''));
    };
    const all = ['initStart', 'initRuntimeDone', 'initReport', 'start', 'runtimeDone', 'report'];
    assert.deepEqual(types('DEBUG', true), all);
    assert.deepEqual(types('INFO', true), ['initStart', 'start', 'report']);
    assert.deepEqual(types('WARN', true), []);
    assert.deepEqual(types('INFO', false), all);
    assert.deepEqual(types('WARN', false), ['initRuntimeDone', 'initReport', 'runtimeDone', 'report']);
  });
});
