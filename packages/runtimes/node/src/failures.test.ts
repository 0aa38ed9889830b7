import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SandboxPeer } from './testing/sandbox-peer.ts';

const esm = (text: string) => ({ files: { 'index.mjs': text } });

/** The outcome of one invocation of a handler with this body. */
async function failureOf(body: string) {
  await using peer = await SandboxPeer.ready(esm(`export const handler = async () => { ${body} };`));
  const outcome = await peer.invoke();
  assert.ok(outcome?.error, `no error but ${JSON.stringify(outcome)}`);
  return {
    ...outcome,
    error: outcome.error,
    code: (await Promise.race([peer.exited, Promise.resolve(undefined)]))?.code,
  };
}

describe('a failed invocation', () => {
  const thrown: [string, string, string, string][] = [
    ['an error', 'throw new RangeError("too far")', 'RangeError', 'too far'],
    ['an error of the function', 'throw Object.assign(new Error("m"), { name: "Mine" })', 'Mine', 'm'],
    ['a string', 'throw "oh"', 'string', 'oh'],
    ['a number', 'throw 42', 'number', '42'],
    ['undefined', 'throw undefined', 'undefined', 'undefined'],
    ['null', 'throw null', 'object', 'null'],
    ['a plain object', 'throw { a: 1 }', 'object', '[object Object]'],
    ['a reference to nothing', 'return nothing', 'ReferenceError', 'nothing is not defined'],
    ['a rejection', 'return Promise.reject(new Error("no"))', 'Error', 'no'],
    ['a BigInt in the response', 'return 1n', 'Runtime.JSONStringifyError', 'Unable to stringify response body'],
    [
      'a cycle in the response',
      'const a = {}; a.a = a; return a',
      'Runtime.JSONStringifyError',
      'Unable to stringify response body',
    ],
    ['a DEL character', 'throw new Error("a\\x7fb")', 'Error', 'a%7Fb'],
  ];
  for (const [name, body, type, message] of thrown) {
    test(`tells of ${name}`, async () => {
      const { error, log } = await failureOf(body);
      assert.equal(error.errorType, type);
      assert.equal(error.errorMessage, message);
      assert.ok(Array.isArray(error.trace));
      assert.match(log, /^\S+Z\trequest-1\tERROR\tInvoke Error \t\{"errorType":.*\}\n$/);
    });
  }

  const hostile = [
    'throw Object.create(null)',
    'const e = new Error("x"); Object.defineProperty(e, "message", { get() { throw 1; } }); throw e',
    'const e = new Error("x"); Object.defineProperty(e, "stack", { get() { throw 1; } }); throw e',
    'throw Object.assign(new Error("x"), { name: 5 })',
    'throw new Proxy(new Error("x"), { get() { throw 1; }, getPrototypeOf() { throw 2; } })',
  ];
  for (const body of hostile) {
    test(`survives ${body}`, async () => {
      assert.equal((await failureOf(body)).error.errorType, 'handled');
    });
  }

  test('has the stack as its trace and leaves the sandbox usable', async () => {
    await using peer = await SandboxPeer.ready(
      esm('export const handler = async (e) => { if (e.fail) throw new TypeError("x"); return e; };'),
    );
    const { error } = (await peer.invoke({ fail: true }))!;
    assert.equal(error?.trace?.[0], 'TypeError: x');
    assert.match(error.trace[1]!, /index\.mjs:1:/);
    assert.deepEqual(await peer.json({}), {});
  });

  test('logs the properties of its error as AWS does', async () => {
    const { log } = await failureOf('throw Object.assign(new Error("m"), { code: "E_X", detail: { a: 1 } })');
    const json = JSON.parse(log.slice(log.indexOf('{'))) as Record<string, unknown>;
    assert.deepEqual(Object.keys(json), ['errorType', 'errorMessage', 'code', 'detail', 'stack']);
    assert.deepEqual(json['detail'], { a: 1 });
  });

  test('is reported however long its message is', async () => {
    const { error } = await failureOf('throw new Error("\\u0001".repeat(1e6))');
    assert.equal(error.errorType, 'Error');
    assert.ok(error.errorMessage.length > 10_000);
  });
});

describe('a crash', () => {
  test('by an exception outside of the handler fails the invocation and ends the process', async () => {
    const crash = await failureOf(
      'setTimeout(() => { throw new RangeError("later") }, 1); await new Promise(() => setTimeout(() => {}, 1e5))',
    );
    assert.equal(crash.error.errorType, 'RangeError');
    assert.match(crash.log, /\tERROR\tUncaught Exception \t\{"errorType":"RangeError","errorMessage":"later",/);
  });

  test('has the exit codes of AWS', async () => {
    await using uncaught = await SandboxPeer.ready(
      esm('export const handler = () => { setTimeout(() => { throw 1 }); return new Promise(() => {}); };'),
    );
    await uncaught.invoke();
    assert.equal((await uncaught.exited).code, 129);
    await using unhandled = await SandboxPeer.ready(
      esm('export const handler = async () => { Promise.reject(new Error("x")); };'),
    );
    await unhandled.invoke();
    assert.equal((await unhandled.exited).code, 128);
  });

  test('by a rejection that nothing handles fails the invocation that caused it', async () => {
    const crash = await failureOf('Promise.reject(new Error("boom")); return "fine"');
    assert.equal(crash.error.errorType, 'Runtime.UnhandledPromiseRejection');
    assert.equal(crash.error.errorMessage, 'Error: boom');
    assert.match(
      crash.log,
      /\tERROR\tUnhandled Promise Rejection \t\{"errorType":"Runtime.UnhandledPromiseRejection",.*"reason":\{"errorType":"Error"/,
    );
  });

  test("is the function's own affair if it listens", async () => {
    await using peer = await SandboxPeer.ready(
      esm(`process.on('unhandledRejection', () => {}); process.on('uncaughtException', () => {});
        export const handler = async () => { Promise.reject(1); setTimeout(() => { throw 2; }); await new Promise((r) => setTimeout(r, 5)); return 'alive'; };`),
    );
    assert.equal(await peer.json(), 'alive');
  });
});

describe('a failed init', () => {
  const failures: [string, Record<string, string>, string, string, RegExp | string][] = [
    [
      'no such file',
      { 'a.txt': '' },
      'index.handler',
      'Runtime.ImportModuleError',
      "Error: Cannot find module 'index'\nRequire stack:\n- /var/runtime/index.mjs",
    ],
    [
      'a module that is missing',
      { 'index.js': 'require("nowhere")' },
      'index.handler',
      'Runtime.ImportModuleError',
      /^Error: Cannot find module 'nowhere'\nRequire stack:\n- .*index\.js$/,
    ],
    [
      'a package that is missing',
      { 'index.mjs': 'import "nowhere"' },
      'index.handler',
      'Error',
      /^Cannot find package 'nowhere' imported from .*index\.mjs$/,
    ],
    [
      'a syntax error',
      { 'index.mjs': 'export const handler = ;' },
      'index.handler',
      'Runtime.UserCodeSyntaxError',
      /^SyntaxError: /,
    ],
    [
      'a syntax error in CommonJS',
      { 'index.js': 'exports.handler = ;' },
      'index.handler',
      'Runtime.UserCodeSyntaxError',
      /^SyntaxError: /,
    ],
    [
      'no such export',
      { 'index.mjs': 'export const other = 1' },
      'index.handler',
      'Runtime.HandlerNotFound',
      'index.handler is undefined or not exported',
    ],
    [
      'an export that is no function',
      { 'index.mjs': 'export const handler = 1' },
      'index.handler',
      'Runtime.HandlerNotFound',
      'index.handler is not a function',
    ],
    ['a handler name without a dot', { 'index.mjs': '' }, 'index', 'Runtime.MalformedHandlerName', 'Bad handler'],
    [
      'a handler name that climbs',
      { 'index.mjs': '' },
      '../index.handler',
      'Runtime.MalformedHandlerName',
      /^'\.\.\/index\.handler' is not a valid handler name/,
    ],
    [
      'a handler that takes a callback',
      { 'index.mjs': 'export const handler = (e, c, callback) => callback()' },
      'index.handler',
      'Runtime.CallbackHandlerDeprecated',
      /^ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node\.js 24\./,
    ],
    [
      'an exception while loading',
      { 'index.js': 'throw new TypeError("at load")' },
      'index.handler',
      'TypeError',
      'at load',
    ],
    [
      'a rejection while loading',
      { 'index.mjs': 'await Promise.reject("at load")' },
      'index.handler',
      'string',
      'at load',
    ],
  ];
  for (const [name, files, handler, type, message] of failures) {
    test(`tells of ${name}`, async () => {
      await using peer = await SandboxPeer.start({ files, handler });
      const outcome = await peer.init();
      assert.equal(outcome?.error?.errorType, type, JSON.stringify(outcome));
      if (typeof message === 'string') assert.equal(outcome.error.errorMessage, message);
      else assert.match(outcome.error.errorMessage, message);
      assert.match(outcome.log, /^\S+Z\t-\tERROR\tInit Error \t\{"errorType":/);
      assert.equal((await peer.exited).code, 1);
    });
  }

  test('by exit or by waiting for nothing closes the stream', async () => {
    for (const text of ['process.exit(4)', 'await new Promise(() => {})']) {
      await using peer = await SandboxPeer.start(esm(text));
      assert.equal(await peer.init(), undefined);
      await peer.exited;
    }
  });
});
