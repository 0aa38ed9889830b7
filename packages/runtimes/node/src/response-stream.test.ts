import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { INITIAL_CREDIT, RUNTIMES, type RuntimeId } from '@hearth/protocol';
import { SandboxPeer } from './testing/sandbox-peer.ts';

// What a handler that streams may do: https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html

/** The body of an asynchronous handler (event, responseStream, context) in an ES module. */
const streaming = (body: string, options = '') => ({
  files: {
    'index.mjs': `
      import { pipeline, finished } from 'node:stream/promises';
      import { once } from 'node:events';
      import { Readable } from 'node:stream';
      const later = () => new Promise((resolve) => setTimeout(resolve, 1));
      let kept;
      export const handler = awslambda.streamifyResponse(async (event, responseStream, context) => {${body}}${options});`,
  },
});

/** Bytes of a prelude, eight NULs and a body. */
const integration = (prelude: object, body: string) =>
  Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8), Buffer.from(body)]);

describe('a response that is streamed', () => {
  for (const runtime of RUNTIMES as readonly RuntimeId[]) {
    test(`has what was written, in ${runtime}`, async () => {
      await using peer = await SandboxPeer.ready({
        runtime,
        ...streaming(
          'responseStream.write(`${event.name} `); await later(); responseStream.end(context.awsRequestId);',
        ),
      });
      const outcome = await peer.invoke({ name: 'a' });
      assert.equal(outcome?.body?.toString(), 'a request-1');
      assert.equal(outcome?.contentType, 'application/octet-stream');
      assert.equal(outcome?.log, '');
      assert.equal((await peer.invoke({ name: 'b' }))?.body?.toString(), 'b request-2');
    });
  }

  test('reaches the server while the handler still runs', async () => {
    await using peer = await SandboxPeer.ready(
      streaming(
        'const go = once(process, "SIGUSR2"); responseStream.write("first"); await go; responseStream.end(" last");',
      ),
    );
    const ended = peer.invoke();
    await peer.until(() => peer.received.toString() === 'first');
    // Only now the function may go on.
    peer.child.kill('SIGUSR2');
    assert.equal((await ended)?.body?.toString(), 'first last');
  });

  test('may end long before its handler does', async () => {
    await using peer = await SandboxPeer.ready(
      streaming('const go = once(process, "SIGUSR2"); responseStream.end("all"); await go; console.log("afterwards");'),
    );
    const ended = peer.invoke();
    await peer.until(() => peer.whole);
    assert.equal(peer.received.toString(), 'all');
    peer.child.kill('SIGUSR2');
    assert.match((await ended)!.log, /afterwards/);
  });

  test('may be ended after its handler', async () => {
    await using peer = await SandboxPeer.ready(
      streaming('setTimeout(() => responseStream.end("late"), 5); responseStream.write("early ");'),
    );
    assert.equal((await peer.invoke())?.body?.toString(), 'early late');
  });

  test('has the content type that was set before the first byte', async () => {
    await using peer = await SandboxPeer.ready(
      streaming(`
        responseStream.setContentType('text/html; charset=utf-8');
        responseStream.write('<p>');
        try { responseStream.setContentType('text/plain'); } catch (error) { responseStream.write(error.name + ': ' + error.message); }
        responseStream.end();`),
    );
    const outcome = await peer.invoke();
    assert.equal(outcome?.contentType, 'text/html; charset=utf-8');
    assert.equal(outcome?.body?.toString(), '<p>Runtime.InvalidStreamingOperation: Cannot set content-type, too late.');
  });

  test('can’t be given a content type that forges headers', async () => {
    await using peer = await SandboxPeer.ready(
      streaming(
        'try { responseStream.setContentType("a\\r\\nset-cookie: b"); } catch (e) { responseStream.end(e.code); }',
      ),
    );
    assert.equal((await peer.invoke())?.body?.toString(), 'ERR_INVALID_CHAR');
  });

  test('takes strings in any encoding, bytes, and the JSON of anything else', async () => {
    await using peer = await SandboxPeer.ready(
      streaming(`
        responseStream.write('AAEC', 'base64');
        responseStream.write(new Uint8Array([3]));
        responseStream.write({ a: 1 });
        responseStream.write('é');
        responseStream.end([2]);`),
    );
    assert.deepEqual((await peer.invoke())?.body, Buffer.from('\0\x01\x02\x03{"a":1}é[2]'));
  });

  test('may be empty', async () => {
    await using peer = await SandboxPeer.ready(streaming('responseStream.end();'));
    const outcome = await peer.invoke();
    assert.deepEqual([outcome?.body?.length, outcome?.contentType], [0, 'application/octet-stream']);
  });

  test('may come by a pipeline, which ends it', async () => {
    await using peer = await SandboxPeer.ready(
      streaming('await pipeline(Readable.from(["a", "b", Buffer.alloc(300_000, "c")]), responseStream);'),
    );
    assert.equal((await peer.invoke())?.body?.toString(), `ab${'c'.repeat(300_000)}`);
  });

  test('of 20 MB stays within its credit', async () => {
    await using peer = await SandboxPeer.ready(
      streaming('for (let i = 0; i < 200; i++) responseStream.write(Buffer.alloc(100_000, i)); responseStream.end();'),
    );
    const { body } = (await peer.invoke())!;
    assert.equal(body!.length, 20_000_000);
    for (let i = 0; i < 200; i++) assert.equal(body![i * 100_000], i);
    assert.equal(peer.overdraft, 0);
  });

  test('is held back by a server that grants nothing, and goes on when it does', async () => {
    await using peer = await SandboxPeer.ready(
      streaming(`
        let writes = 0;
        do writes++; while (responseStream.write(Buffer.alloc(10_000)) || !responseStream.writableNeedDrain);
        for (; writes < 300; writes++) {
          if (!responseStream.write(Buffer.alloc(10_000))) await once(responseStream, 'drain');
          console.log('wrote', writes);
        }
        responseStream.end();`),
    );
    peer.grants = false;
    const ended = peer.invoke();
    await peer.until(() => peer.received.length === INITIAL_CREDIT);
    const stuckAt = peer.pendingLog;
    assert.ok(!stuckAt.includes('wrote 150'), 'it waits for the drain');
    peer.grants = true;
    peer.grant(INITIAL_CREDIT);
    const outcome = await ended;
    assert.equal(outcome?.body?.length, 3_000_000);
    assert.ok(outcome?.log.includes('wrote 299'));
    assert.equal(peer.overdraft, 0);
  });

  test('has the high-water mark that was asked for', async () => {
    await using peer = await SandboxPeer.ready(
      streaming('responseStream.end(String(responseStream.writableHighWaterMark));', ', { highWaterMark: 1234.5 }'),
    );
    assert.equal((await peer.invoke())?.body?.toString(), '1234');
  });
});

describe('HttpResponseStream', () => {
  const metadata = { statusCode: 201, headers: { 'x-a': 'b' }, cookies: ['c=d'] };
  const from = `const http = awslambda.HttpResponseStream.from(responseStream, ${JSON.stringify(metadata)});`;

  for (const [what, body, text] of [
    ['is followed by the body', "http.write('a'); http.write('b'); http.end();", 'ab'],
    ['is followed by a body that is written at the end', "http.end('ab');", 'ab'],
    ['stands alone where there is no body', 'http.end();', ''],
    ['is sent with an empty write', "http.write(''); await later(); http.end('a');", 'a'],
  ] as const) {
    test(`its prelude ${what}`, async () => {
      await using peer = await SandboxPeer.ready(streaming(from + body));
      const outcome = await peer.invoke();
      assert.equal(outcome?.contentType, 'application/vnd.awslambda.http-integration-response');
      assert.deepEqual(outcome?.body, integration(metadata, text));
    });
  }

  test('a prelude that has no JSON fails the invocation', async () => {
    await using peer = await SandboxPeer.ready(
      streaming('awslambda.HttpResponseStream.from(responseStream, undefined).end("a");'),
    );
    for (let count = 0; count < 2; count++) {
      const outcome = await peer.invoke();
      assert.deepEqual([outcome?.error?.errorType, outcome?.contentType], ['TypeError', undefined]);
    }
  });

  test('a prelude longer than the credit waits for more', async () => {
    const long = { headers: { a: 'x'.repeat(INITIAL_CREDIT + 10) } };
    await using peer = await SandboxPeer.ready(
      streaming('awslambda.HttpResponseStream.from(responseStream, event).end("a");'),
    );
    assert.deepEqual((await peer.invoke(long))?.body, integration(long, 'a'));
    assert.equal(peer.overdraft, 0);
  });
});

describe('a handler that streams and fails', () => {
  test('before its first byte, fails as any does', async () => {
    await using peer = await SandboxPeer.ready(streaming('throw new RangeError("no");'));
    const outcome = await peer.invoke();
    assert.equal(outcome?.contentType, undefined);
    assert.deepEqual([outcome?.error?.errorType, outcome?.error?.errorMessage], ['RangeError', 'no']);
    assert.match(outcome!.log, /\tERROR\tInvoke Error \t\{"errorType":"RangeError"/);
  });

  test('in the midst, sends nothing after its error, and serves the next invocation', async () => {
    await using peer = await SandboxPeer.ready(
      streaming(`
        if (kept) { kept.write('old'); kept.end(); responseStream.end('new'); return; }
        kept = responseStream;
        responseStream.write('some');
        await later();
        throw new Error('broken');`),
    );
    const outcome = await peer.invoke();
    assert.deepEqual([outcome?.partial?.toString(), outcome?.error?.errorMessage], ['some', 'broken']);
    assert.equal((await peer.invoke())?.body?.toString(), 'new');
  });

  test('while it waits for credit, is done at once', async () => {
    await using peer = await SandboxPeer.ready(
      streaming('responseStream.write(Buffer.alloc(3_000_000)); await later(); throw new Error("enough");'),
    );
    peer.grants = false;
    const outcome = await peer.invoke();
    assert.deepEqual([outcome?.partial?.length, outcome?.error?.errorMessage], [INITIAL_CREDIT, 'enough']);
  });

  for (const [what, body, message] of [
    [
      'with a pipeline',
      'await pipeline((function* () { yield "a"; throw new Error("source"); })(), responseStream);',
      'source',
    ],
    ['by destroying its stream with an error', 'responseStream.destroy(new Error("gone"));', 'gone'],
    [
      'by destroying its stream',
      'responseStream.write("a"); responseStream.destroy();',
      'Response stream is not finished.',
    ],
  ] as const) {
    test(what, async () => {
      await using peer = await SandboxPeer.ready(streaming(body));
      assert.equal((await peer.invoke())?.error?.errorMessage, message);
      assert.equal((await peer.invoke())?.error?.errorMessage, message);
    });
  }

  test('after the end of its stream, has failed all the same', async () => {
    await using peer = await SandboxPeer.ready(
      streaming('responseStream.end("all"); await later(); throw new Error("b");'),
    );
    const outcome = await peer.invoke();
    assert.deepEqual([outcome?.partial?.toString(), outcome?.error?.errorMessage], ['all', 'b']);
  });

  test('by an error that nobody catches, ends its process after what it wrote', async () => {
    await using peer = await SandboxPeer.ready(
      streaming(
        'responseStream.write("a"); setTimeout(() => { throw new TypeError("loose"); }, 1); await new Promise(() => {});',
      ),
    );
    const outcome = await peer.invoke();
    assert.deepEqual([outcome?.partial?.toString(), outcome?.error?.errorType], ['a', 'TypeError']);
    assert.equal((await peer.exited).code, 129);
  });
});

describe('a handler that is marked as one that streams', () => {
  test('must be asynchronous', async () => {
    await using peer = await SandboxPeer.ready({
      files: { 'index.js': 'exports.handler = awslambda.streamifyResponse((e, stream) => stream.end("a"));' },
    });
    const outcome = await peer.invoke();
    assert.equal(outcome?.error?.errorMessage, 'Streaming does not support non-async handlers.');
  });

  test('is told that what it returns is ignored', async () => {
    await using peer = await SandboxPeer.ready(streaming('responseStream.end("a"); return 5;'));
    const outcome = await peer.invoke();
    assert.equal(outcome?.body?.toString(), 'a');
    assert.match(outcome.log, /\tWARN\tStreaming handlers ignore return values\./);
  });

  test('may be marked by a library, by AWS’s symbol', async () => {
    await using peer = await SandboxPeer.ready({
      files: {
        'index.mjs': `export const handler = async (event, stream) => stream.end('a');
          handler[Symbol.for('aws.lambda.runtime.handler.streaming')] = 'response';`,
      },
    });
    assert.equal((await peer.invoke())?.body?.toString(), 'a');
  });

  test('can stream nothing but its response', async () => {
    await using peer = await SandboxPeer.start({
      files: {
        'index.js':
          "exports.handler = async () => 1; exports.handler[Symbol.for('aws.lambda.runtime.handler.streaming')] = 'request';",
      },
    });
    const { error } = (await peer.init())!;
    assert.deepEqual(
      [error?.errorType, error?.errorMessage],
      ['Runtime.MalformedStreamingHandler', 'Only response streaming is supported.'],
    );
  });
});

test('the global is not there for a function that does not want it', async () => {
  await using peer = await SandboxPeer.ready({
    files: { 'index.js': 'exports.handler = async () => typeof awslambda;' },
    environment: { AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA: 'true' },
  });
  assert.equal(await peer.json(), 'undefined');
});
