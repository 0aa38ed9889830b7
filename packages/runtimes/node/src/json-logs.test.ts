/**
 * Logs of a function whose LogFormat is JSON.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html#node-js-logging-advanced and
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RuntimeId } from '@hearth/protocol';
import { SandboxPeer } from './testing/sandbox-peer.ts';

interface LogsOf {
  level?: string;
  runtime?: RuntimeId;
}

/** The lines that one invocation of a handler with this body logs. */
async function linesOf(body: string, { level = 'TRACE', runtime = 'nodejs26.x' }: LogsOf = {}): Promise<string[]> {
  await using peer = await SandboxPeer.ready({
    files: { 'index.mjs': `export const handler = async () => { ${body} };` },
    environment: { AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: level },
    runtime,
  });
  const outcome = await peer.invoke({}, { requestId: 'R' });
  return outcome!.log.split('\n').slice(0, -1);
}

async function entriesOf(body: string, options?: LogsOf): Promise<Record<string, unknown>[]> {
  return (await linesOf(body, options)).map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a JSON log entry', () => {
  test('has its time, level, request and message, in that order', async () => {
    const [entry] = await entriesOf('console.log("hello")');
    assert.deepEqual(Object.keys(entry!), ['timestamp', 'level', 'requestId', 'message']);
    assert.match(String(entry!['timestamp']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual([entry!['level'], entry!['requestId'], entry!['message']], ['INFO', 'R', 'hello']);
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-monitor.html
  test('names the tenant where the function has tenants', async () => {
    await using peer = await SandboxPeer.ready({
      files: { 'index.mjs': 'export const handler = async (event, context) => console.log(context.tenantId);' },
      environment: { AWS_LAMBDA_LOG_FORMAT: 'JSON' },
    });
    const outcome = await peer.invoke({}, { requestId: 'R', tenantId: 'blue' });
    const entry = JSON.parse(outcome!.log) as Record<string, unknown>;
    assert.deepEqual([entry['tenantId'], entry['message']], ['blue', 'blue']);
  });

  const messages: [string, unknown][] = [
    ['console.log({ a: { b: [1, null, "x"] } })', { a: { b: [1, null, 'x'] } }],
    ['console.log([1, 2])', [1, 2]],
    ['console.log(5)', 5],
    ['console.log(null)', null],
    ['console.log()', undefined],
    ['console.log("a\\nb")', 'a\nb'],
    ['console.log("%s is %d", "x", 5, { y: 1 })', 'x is 5 { y: 1 }'],
    ['console.log("a", { b: 1 })', 'a { b: 1 }'],
    ['console.log(1n)', '1n'],
    ['const c = {}; c.c = c; console.log(c)', '<ref *1> { c: [Circular *1] }'],
    ['console.log({ toJSON: () => "own" })', 'own'],
  ];
  for (const [code, message] of messages) {
    test(`of ${code}`, async () => assert.deepEqual((await entriesOf(code))[0]!['message'], message));
  }

  test('shows an error with its own properties in its message', async () => {
    const [entry] = await entriesOf(
      'console.error(Object.assign(new RangeError("far"), { code: "E", detail: { a: 1 } }))',
    );
    const message = entry!['message'] as Record<string, unknown>;
    assert.equal(entry!['level'], 'ERROR');
    assert.deepEqual(Object.keys(message), ['errorType', 'errorMessage', 'stackTrace', 'code', 'detail']);
    assert.equal(message['errorType'], 'RangeError');
    assert.equal((message['stackTrace'] as string[])[0], 'RangeError: far');
  });

  test('shows an error among several arguments beside its message', async () => {
    const [entry] = await entriesOf('console.error("failed:", new TypeError("bad"))');
    assert.deepEqual(Object.keys(entry!).slice(3), ['message', 'errorType', 'errorMessage', 'stackTrace']);
    assert.equal(entry!['errorType'], 'TypeError');
    assert.equal(entry!['errorMessage'], 'bad');
    assert.match(String(entry!['message']), /^failed: TypeError: bad\n/);
  });

  test('looks for the error in its first argument too, in nodejs22.x', async () => {
    const code = 'console.error(new TypeError("first"), "then")';
    assert.equal((await entriesOf(code, { runtime: 'nodejs22.x' }))[0]!['errorType'], 'TypeError');
    assert.equal((await entriesOf(code))[0]!['errorType'], undefined);
  });

  test('of init has no request yet', async () => {
    for (const [runtime, requestId] of [
      ['nodejs26.x', '-'],
      ['nodejs22.x', undefined],
    ] as const) {
      await using peer = await SandboxPeer.start({
        files: { 'index.mjs': 'console.log("init"); export const handler = async () => {};' },
        environment: { AWS_LAMBDA_LOG_FORMAT: 'JSON' },
        runtime,
      });
      const entry = JSON.parse((await peer.init())!.log) as Record<string, unknown>;
      assert.equal(entry['requestId'], requestId);
    }
  });

  test('of a failure is the error', async () => {
    for (const [body, type] of [
      ['throw Object.assign(new RangeError("far"), { code: 7 })', 'RangeError'],
      ['throw "text"', 'Error'],
      ['Promise.reject(new Error("loose"))', 'UnhandledPromiseRejectionError'],
    ] as const) {
      const [entry] = await entriesOf(body);
      assert.equal(entry!['level'], 'ERROR');
      assert.equal((entry!['message'] as Record<string, unknown>)['errorType'], type);
    }
  });

  test("of a failure that can't be looked at is there all the same", async () => {
    const [entry] = await entriesOf('throw Object.create(null)');
    assert.equal((entry!['message'] as Record<string, unknown>)['errorType'], 'handled');
  });
});

describe('the level of a function', () => {
  const all = "for (const level of ['trace', 'debug', 'info', 'log', 'warn', 'error', 'fatal']) console[level](level)";
  const expected: Record<string, string[]> = {
    TRACE: ['trace', 'debug', 'info', 'log', 'warn', 'error', 'fatal'],
    DEBUG: ['debug', 'info', 'log', 'warn', 'error', 'fatal'],
    INFO: ['info', 'log', 'warn', 'error', 'fatal'],
    WARN: ['warn', 'error', 'fatal'],
    ERROR: ['error', 'fatal'],
    FATAL: ['fatal'],
    unknown: ['trace', 'debug', 'info', 'log', 'warn', 'error', 'fatal'],
  };
  for (const [level, levels] of Object.entries(expected)) {
    test(`${level} logs ${levels.join(', ')}`, async () => {
      assert.deepEqual(
        (await entriesOf(all, { level })).map(({ message }) => message),
        levels,
      );
    });
  }

  test('holds for lines of JSON that the function writes itself; other lines count as INFO', async () => {
    const write = `for (const line of ['plain', '{"level":"debug","a":1}', '{"level":"warning","a":2}', '{"a":3}', '{broken'])
      process.stdout.write(line + '\\n');`;
    const warn = ['{"level":"warning","a":2}'];
    assert.deepEqual(await linesOf(write, { level: 'WARN' }), warn);
    assert.deepEqual(await linesOf(write, { level: 'INFO' }), ['plain', ...warn, '{"a":3}', '{broken']);
    assert.equal((await linesOf(write)).length, 5);
  });

  test('holds for plain text too, where the function sets it itself', async () => {
    await using peer = await SandboxPeer.ready({
      files: { 'index.mjs': 'export const handler = async () => { console.log("no"); console.warn("yes"); };' },
      environment: { AWS_LAMBDA_LOG_LEVEL: 'warn' },
    });
    assert.match((await peer.invoke({}, { requestId: 'R' }))!.log, /^\S+\tR\tWARN\tyes\n$/);
  });
});
