/**
 * Handlers of nodejs22.x, which may call back.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html (callback-based function handlers) and
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SandboxPeer, type PeerOptions } from './testing/sandbox-peer.ts';

const cjs = (text: string): PeerOptions => ({ files: { 'index.js': text }, runtime: 'nodejs22.x' });
/** A function of which a callback-style handler's body is given. */
const calling = (body: string): PeerOptions => cjs(`exports.handler = (event, context, callback) => { ${body} };`);

describe('a handler of nodejs22.x', () => {
  const answers: [string, string, unknown][] = [
    ['its callback', 'callback(null, { a: 1 })', { a: 1 }],
    ['its callback with undefined for an error', 'callback(undefined, "u")', 'u'],
    ['its callback without a result', 'callback()', null],
    ['its callback later', 'setTimeout(() => callback(null, "late"), 5)', 'late'],
    ['context.succeed', 'context.succeed("s")', 's'],
    ['context.done', 'setTimeout(() => context.done(null, "d"), 5)', 'd'],
    ['a promise that it returns', 'return Promise.resolve("p")', 'p'],
    ['a thenable that it returns', 'return { then: (done) => setTimeout(done, 1, "t") }', 't'],
    ['null where it never calls back, whatever it returns', 'return { ignored: true }', null],
    ['null once nothing is left to wait for', 'setTimeout(() => {}, 20)', null],
    ['the first of several answers', 'callback(null, 1); callback(null, 2); context.succeed(3)', 1],
    [
      'the promise rather than a later callback',
      'setTimeout(callback, 5, null, "c"); return Promise.resolve("p")',
      'p',
    ],
  ];
  for (const [name, body, expected] of answers) {
    test(`answers with ${name}`, async () => {
      await using peer = await SandboxPeer.ready(calling(body));
      assert.deepEqual(await peer.json(), expected);
      assert.deepEqual(await peer.json(), expected, 'and again');
    });
  }

  const failures: [string, string, string, string][] = [
    ['an error to its callback', 'callback(new RangeError("far"))', 'RangeError', 'far'],
    ['a string to its callback', 'callback("oh")', 'string', 'oh'],
    ['an error later', 'setTimeout(() => callback(new Error("late")), 5)', 'Error', 'late'],
    ['context.fail', 'context.fail(new TypeError("t"))', 'TypeError', 't'],
    ['context.fail with nothing', 'context.fail()', 'string', 'handled'],
    ['context.done with an error', 'context.done(new Error("d"))', 'Error', 'd'],
    ['an exception', 'throw new SyntaxError("thrown")', 'SyntaxError', 'thrown'],
    ['a rejection', 'return Promise.reject(new Error("r"))', 'Error', 'r'],
    ['a response that has no JSON', 'callback(null, 1n)', 'Error', 'Unable to stringify response body'],
  ];
  for (const [name, body, type, message] of failures) {
    test(`fails with ${name}`, async () => {
      await using peer = await SandboxPeer.ready(calling(body));
      for (let round = 0; round < 2; round++) {
        const outcome = await peer.invoke();
        assert.equal(outcome?.error?.errorType, type);
        assert.equal(outcome.error.errorMessage, message);
        assert.match(outcome.log, /\tERROR\tInvoke Error \t\{"errorType"/);
      }
    });
  }

  test('waits for an empty event loop after its callback', async () => {
    await using peer = await SandboxPeer.ready(
      calling('setTimeout(() => console.log("before the answer"), 30); callback(null, "done")'),
    );
    const outcome = await peer.invoke();
    assert.equal(outcome?.body?.toString(), '"done"');
    assert.match(outcome.log, /before the answer/);
  });

  test('does not wait where callbackWaitsForEmptyEventLoop is false, and what is left goes on in the next invocation', async () => {
    await using peer = await SandboxPeer.ready(
      cjs(`let left = 0;
        exports.handler = (event, context, callback) => {
          context.callbackWaitsForEmptyEventLoop = false;
          if (event === 1) { setTimeout(() => left++, 30); return callback(null, left); }
          setTimeout(() => callback(null, left), 60);
        };`),
    );
    assert.equal(await peer.json(1), 0);
    assert.equal(await peer.json(2), 1);
  });

  test('does not wait for an error, for context.succeed or for a promise', async () => {
    for (const body of ['callback("e")', 'context.succeed(1)', 'return Promise.resolve(1)']) {
      await using peer = await SandboxPeer.ready(calling(`setTimeout(() => {}, 60_000); ${body}`));
      assert.ok(await peer.invoke());
    }
  });

  test('fails with Runtime.NodeJsExit where an async one can never settle, and lives on', async () => {
    await using peer = await SandboxPeer.ready(
      cjs('exports.handler = async (event) => (event === 1 ? new Promise(() => {}) : "alive");'),
    );
    assert.equal((await peer.invoke(1))?.error?.errorType, 'Runtime.NodeJsExit');
    assert.equal(await peer.json(2), 'alive');
  });

  test('has the methods of its context, which begins anew with each invocation', async () => {
    await using peer = await SandboxPeer.ready(
      calling(`const seen = [Object.keys(context).slice(0, 4), context.callbackWaitsForEmptyEventLoop, context.awsRequestId];
        context.callbackWaitsForEmptyEventLoop = false; callback(null, seen);`),
    );
    const keys = ['callbackWaitsForEmptyEventLoop', 'succeed', 'fail', 'done'];
    assert.deepEqual(await peer.json({}, { requestId: 'a' }), [keys, true, 'a']);
    assert.deepEqual(await peer.json({}, { requestId: 'b' }), [keys, true, 'b']);
  });

  test('is told that callbacks go away, unless it has asked not to be', async () => {
    const warning = /\tundefined\tWARN\tAWS Lambda plans to remove support for callback-based function handlers/;
    await using warned = await SandboxPeer.start(calling('callback()'));
    assert.match((await warned.init())!.log, warning);
    await using silent = await SandboxPeer.start({
      ...calling('callback()'),
      environment: { AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING: '1' },
    });
    assert.equal((await silent.init())!.log, '');
    await using modern = await SandboxPeer.start(cjs('exports.handler = async (event, context) => 1;'));
    assert.equal((await modern.init())!.log, '');
  });

  test('is served whatever was sent ahead while it calls back', async () => {
    await using peer = await SandboxPeer.ready(calling('setTimeout(() => callback(null, event), 2)'));
    for (let count = 0; count < 20; count++) assert.equal(await peer.json(count), count);
  });
});
