import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame, Kind } from '@hearth/protocol';
import { MAX_RESPONSE } from '../instances/incoming-response.ts';
import type { FakeSandbox } from '../instances/testing/fake-agent.ts';
import { settled, TestFleet } from './testing/test-fleet.ts';

const REQUEST = '11111111-2222-3333-4444-555555555555';

test('T13: the first invocation takes a spare, the next ones its idle sandbox', async () => {
  await using t = new TestFleet();
  const spec = t.spec();
  const cold = await t.invoke(spec, '{"a":1}');
  assert.equal(cold.payload.toString(), '{"a":1}');
  assert.equal(cold.startPath, 'spare');
  assert.equal(cold.functionError, undefined);
  const warm = await t.invoke(spec, '{"a":2}', { requestId: REQUEST });
  assert.equal(warm.payload.toString(), '{"a":2}');
  assert.equal(warm.startPath, 'warm');
  const record = t.records.records.get(REQUEST)!;
  assert.equal(record.status, 'succeeded');
  assert.equal(record.pool, 'general');
  assert.match(record.sandbox, /^s-/);
  assert.equal(t.fleet.view().instances.flatMap(({ sandboxes }) => sandboxes).length, 1);
});

test('the platform lines are those of AWS, and the tail holds them', async () => {
  await using t = new TestFleet({ handlers: { 'index.handler': (event, { log }) => (log('hello\n'), event) } });
  const spec = t.spec();
  const cold = await t.invoke(spec, '{}', { requestId: REQUEST, tail: true });
  const text = Buffer.from(cold.logTail!, 'base64').toString();
  assert.match(
    text,
    new RegExp(
      `^START RequestId: ${REQUEST} Version: \\$LATEST\nhello\nEND RequestId: ${REQUEST}\n` +
        `REPORT RequestId: ${REQUEST}\tDuration: \\d+\\.\\d\\d ms\tBilled Duration: \\d+ ms\tMemory Size: 128 MB\t` +
        `Max Memory Used: 12 MB\tInit Duration: \\d+\\.\\d\\d ms\t\n$`,
    ),
  );
  assert.equal(t.logs.text(), `INIT_START Runtime Version: nodejs:26.v1\n${text}`);
  const warm = await t.invoke(spec, '{}', { tail: true });
  assert.doesNotMatch(Buffer.from(warm.logTail!, 'base64').toString(), /Init Duration/);
});

test('a function that throws gives its error document', async () => {
  const fail = (): never => {
    throw new TypeError('no');
  };
  await using t = new TestFleet({ handlers: { 'index.handler': fail } });
  const outcome = await t.invoke(t.spec());
  assert.equal(outcome.functionError, 'Unhandled');
  assert.deepEqual(JSON.parse(outcome.payload.toString()), { errorType: 'TypeError', errorMessage: 'no', trace: [] });
});

test('a time-out is by the server, in the words of AWS, and ends the sandbox', async () => {
  await using t = new TestFleet({ handlers: { 'index.handler': () => new Promise<never>(() => {}) } });
  const spec = t.spec();
  const running = t.invoke(spec, '{}', { requestId: REQUEST });
  await settled();
  t.clock.advance(2_999);
  await settled();
  assert.equal(t.records.ended, 0);
  t.clock.advance(1);
  const outcome = await running;
  assert.deepEqual(JSON.parse(outcome.payload.toString()), {
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${REQUEST} Error: Task timed out after 3.00 seconds`,
  });
  assert.match(
    t.logs.text(),
    /Z [-1-5]+ Task timed out after 3\.00 seconds\n\nEND .*\nREPORT .*\tDuration: 3000\.00 ms\tBilled Duration: \d+ ms\t.*Status: timeout\n$/,
  );
  await settled();
  assert.equal(t.fleet.view().instances.flatMap(({ sandboxes }) => sandboxes).length, 0);
});

test('a sandbox that exits, is killed or runs out of memory is an outcome', async () => {
  const cases = [
    [{ code: 1, signal: null, outOfMemory: false }, 'Runtime.ExitError', 'Runtime exited with error: exit status 1'],
    [{ code: 0, signal: null, outOfMemory: false }, 'Runtime.ExitError', 'Runtime exited without providing a reason'],
    [
      { code: null, signal: 'SIGSEGV', outOfMemory: false },
      'Runtime.ExitError',
      'Runtime exited with error: signal: segmentation fault',
    ],
    [
      { code: null, signal: 'SIGKILL', outOfMemory: true },
      'Runtime.OutOfMemory',
      'Runtime exited with error: signal: killed',
    ],
  ] as const;
  let sandbox: FakeSandbox | undefined;
  await using t = new TestFleet({
    handlers: { 'index.handler': (_event, context) => ((sandbox = context.sandbox), new Promise<never>(() => {})) },
  });
  const spec = t.spec();
  for (const [exit, errorType, message] of cases) {
    const running = t.invoke(spec, '{}', { requestId: REQUEST });
    await settled();
    [...t.provider.agents.values()].find((agent) => agent.sandboxes.has(sandbox!.id))!.exit(sandbox!, exit);
    const outcome = await running;
    const errorMessage = `RequestId: ${REQUEST} Error: ${message}`;
    assert.deepEqual(JSON.parse(outcome.payload.toString()), { errorType, errorMessage });
    assert.equal(t.records.records.get(REQUEST)!.status, 'lost');
  }
  assert.match(t.logs.text(), /Status: error\tError Type: Runtime\.OutOfMemory\n/);
});

// https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
test('a sandbox that ends itself by a signal is reported so; one that only has the status is not', async () => {
  let sandbox: FakeSandbox | undefined;
  await using t = new TestFleet({
    handlers: { 'index.handler': (_event, context) => ((sandbox = context.sandbox), new Promise<never>(() => {})) },
  });
  for (const [says, code, message] of [
    ['SIGKILL', 137, 'signal: killed'],
    ['SIGTERM', 143, 'signal: terminated'],
    ['SIGTERM', 137, 'exit status 137'],
    [undefined, 137, 'exit status 137'],
    [undefined, 6, 'signal: aborted'],
    [undefined, 15, 'signal: terminated'],
    ['exit', 6, 'exit status 6'],
    [undefined, 7, 'exit status 7'],
  ] as const) {
    const running = t.invoke(t.spec());
    await settled();
    if (says !== undefined) sandbox!.stream.write(encodeFrame(Kind.shutdown, 0, says));
    await settled();
    const agent = [...t.provider.agents.values()].find((each) => each.sandboxes.has(sandbox!.id))!;
    agent.exit(sandbox!, { code, signal: null, outOfMemory: false });
    const { errorType, errorMessage } = JSON.parse((await running).payload.toString()) as Record<string, string>;
    assert.equal(errorType, 'Runtime.ExitError');
    assert.equal(errorMessage!.split(' Error: ')[1], `Runtime exited with error: ${message}`);
  }
});

test('what processes of a sandbox write to their descriptors belongs to the invocation that runs, before its END', async () => {
  await using t = new TestFleet({
    handlers: {
      'index.handler': (event, { sandbox, log }) => {
        log('by the console\n');
        sandbox.stdio.write('by a descriptor');
        return event;
      },
    },
  });
  const spec = t.spec();
  for (let count = 0; count < 3; count++) {
    const tail = Buffer.from((await t.invoke(spec, '1', { tail: true })).logTail!, 'base64').toString();
    assert.match(tail, /^START .*\nby the console\nby a descriptor\nEND .*\nREPORT .*\n$/);
  }
});

test('a sandbox that dies of its last failure costs the next invocation nothing', async () => {
  const handler = (event: Buffer): Buffer => {
    if (event.toString() === '"crash"') throw new Error('crash');
    return event;
  };
  const hold = new Map<string, FakeSandbox>();
  await using t = new TestFleet({ handlers: { 'index.handler': handler }, onExecution: (s) => hold.set('last', s) });
  const spec = t.spec();
  assert.equal((await t.invoke(spec, '"crash"')).functionError, 'Unhandled');
  // The next is on its way to the sandbox when that is found to have ended.
  const running = t.invoke(spec, '"next"');
  const sandbox = hold.get('last')!;
  const agent = [...t.provider.agents.values()].find((a) => a.sandboxes.has(sandbox.id))!;
  agent.exit(sandbox, { code: 129, signal: null, outOfMemory: false });
  const outcome = await running;
  assert.equal(outcome.payload.toString(), '"next"');
  assert.equal(outcome.functionError, undefined);
});

// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
test('an init that fails is repeated once, inside the invocation; a second failure is its outcome', async () => {
  await using t = new TestFleet();
  const spec = t.spec({ handler: 'index.nothing' });
  const outcome = await t.invoke(spec, '{}', { requestId: REQUEST, tail: true });
  assert.equal(outcome.functionError, 'Unhandled');
  assert.equal((JSON.parse(outcome.payload.toString()) as { errorType: string }).errorType, 'Runtime.HandlerNotFound');
  await settled();
  assert.deepEqual(t.fleet.stats().sandboxes, {});
  const failed = (phase: string) =>
    `INIT_REPORT Init Duration: 0\\.00 ms\tPhase: ${phase}\tStatus: error\tError Type: Runtime\\.HandlerNotFound\n`;
  const report =
    `START RequestId: ${REQUEST} .*\nEND RequestId: ${REQUEST}\nREPORT RequestId: ${REQUEST}\tDuration: .* ms\t` +
    `Billed Duration: .*\tMax Memory Used: \\d+ MB\tStatus: error\tError Type: Runtime\\.HandlerNotFound\n`;
  assert.match(t.logs.text(), new RegExp(`^INIT_START .*\n${failed('init')}${failed('invoke')}${report}$`));
  const written = [...t.logs.streams.values()].filter((text) => text !== '');
  assert.equal(written.length, 1, 'one stream, as on AWS, where both take place in one environment');
  assert.match(Buffer.from(outcome.logTail!, 'base64').toString(), new RegExp(`^${report}$`));
});

test('a function whose init has failed is initialised once for each further invocation, until one succeeds', async () => {
  await using t = new TestFleet();
  const spec = t.spec({ handler: 'index.late' });
  const inits = () => t.logs.text().match(/INIT_REPORT/g)?.length;
  await t.invoke(spec);
  assert.equal(inits(), 2);
  await t.invoke(spec);
  assert.equal(inits(), 3);
  t.handlers['index.late'] = (event) => event;
  const outcome = await t.invoke(spec, '5', { tail: true });
  assert.equal(outcome.payload.toString(), '5');
  assert.doesNotMatch(Buffer.from(outcome.logTail!, 'base64').toString(), /Init Duration/);
  assert.equal(inits(), 3);
});

test('an init that exits is repeated too', async () => {
  await using t = new TestFleet({ hangingInits: new Set(['index.handler']) });
  const running = t.invoke(t.spec({ timeoutMs: 60_000 }));
  for (const code of [7, 8]) {
    await settled();
    const agent = [...t.provider.agents.values()].find(({ sandboxes }) => sandboxes.size > 0)!;
    agent.exit([...agent.sandboxes.values()][0]!, { code, signal: null, outOfMemory: false });
  }
  const { errorType, errorMessage } = JSON.parse((await running).payload.toString()) as Record<string, string>;
  assert.equal(errorType, 'Runtime.ExitError');
  assert.match(errorMessage!, /Runtime exited with error: exit status 8$/);
  assert.equal(t.logs.text().match(/INIT_REPORT .*Status: error\tError Type: Runtime\.ExitError\n/g)?.length, 2);
});

test('an init that takes 10 s is done once more on the time of the invocation', async () => {
  const hangingInits = new Set(['index.handler']);
  await using t = new TestFleet({ hangingInits });
  const spec = t.spec();
  const running = t.invoke(spec, '1');
  await settled();
  hangingInits.clear();
  t.clock.advance(9_999);
  await settled();
  assert.equal(t.records.ended, 0);
  t.clock.advance(1);
  const outcome = await running;
  assert.equal(outcome.payload.toString(), '1');
  assert.match(t.logs.text(), /\nINIT_REPORT Init Duration: 10000\.00 ms\tPhase: init\tStatus: timeout\nSTART/);

  hangingInits.add('index.handler');
  const again = t.invoke(t.spec({ functionName: 'other' }), '1');
  await settled();
  t.clock.advance(10_000);
  await settled();
  t.clock.advance(3_000);
  assert.match((await again).payload.toString(), /Task timed out after 3\.00 seconds/);
  assert.match(
    t.logs.text(),
    /INIT_REPORT Init Duration: 3000\.00 ms\tPhase: invoke\tStatus: timeout\nSTART .*\n\S+ \S+ Task timed out .*\n\nEND/,
  );
});

test('bodies of megabytes travel both ways; a response over 6 MB is an error and the sandbox stays', async () => {
  const big = Buffer.alloc(MAX_RESPONSE + 1, 'x');
  await using t = new TestFleet({
    handlers: { 'index.handler': (event) => (event.toString() === '"big"' ? big : event) },
  });
  const spec = t.spec();
  const body = JSON.stringify('y'.repeat(6_000_000));
  assert.equal((await t.invoke(spec, body)).payload.toString(), body);
  const outcome = await t.invoke(spec, '"big"');
  assert.deepEqual(JSON.parse(outcome.payload.toString()), {
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: 'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
  });
  assert.equal((await t.invoke(spec, '1')).startPath, 'warm');
});

test('a sandbox that breaks the protocol is ended', async () => {
  let sandbox: FakeSandbox | undefined;
  await using t = new TestFleet({
    handlers: { 'index.handler': (_event, context) => ((sandbox = context.sandbox), new Promise<never>(() => {})) },
  });
  const running = t.invoke(t.spec());
  await settled();
  sandbox!.stream.write(Buffer.from([255, 255, 255, 255, 1, 2, 3, 4, 5, 6, 7, 8]));
  const { errorType } = JSON.parse((await running).payload.toString()) as { errorType: string };
  assert.equal(errorType, 'Runtime.ExitError');
  await settled();
  assert.deepEqual(t.fleet.stats().sandboxes, {});
});

test('an account may not run more at once than its limit', async () => {
  await using t = new TestFleet({
    accountConcurrency: () => 1,
    handlers: { 'index.handler': () => new Promise<never>(() => {}) },
  });
  const spec = t.spec();
  const running = t.invoke(spec);
  await assert.rejects(t.invoke(spec), { code: 'TooManyRequestsException' });
  await settled();
  t.clock.advance(3_000);
  await running;
});

test('a fleet that stops lets what runs finish, and refuses the rest', async () => {
  let finish: (() => void) | undefined;
  await using t = new TestFleet({
    handlers: { 'index.handler': (event) => new Promise((resolve) => (finish = () => resolve(event))) },
  });
  const spec = t.spec();
  const running = t.invoke(spec, '7');
  await settled();
  const stopped = t.fleet[Symbol.asyncDispose]();
  await assert.rejects(t.invoke(spec), { code: 'ServiceUnavailableException' });
  finish!();
  assert.equal((await running).payload.toString(), '7');
  await stopped;
  assert.equal(t.provider.instances.size, 0);
  assert.equal(t.clock.pendingTimers, 0);
});
