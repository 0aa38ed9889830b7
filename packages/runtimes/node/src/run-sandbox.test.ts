import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeFrame, encodeInvoke, encodeJson, Kind } from '@hearth/protocol';
import { SandboxPeer } from './testing/sandbox-peer.ts';

/** A function in one ES module. */
const esm = (text: string) => ({ files: { 'index.mjs': text } });

function invoke(stream: number, event: unknown): Buffer {
  const bytes = Buffer.from(JSON.stringify(event));
  const meta = { requestId: `request-${stream}`, timeoutMs: 1000, arn: 'a', length: bytes.length };
  return encodeInvoke(stream, meta, bytes).frame;
}

describe('an invocation', () => {
  test('echoes its event and leaves the sandbox ready for the next', async () => {
    await using peer = await SandboxPeer.ready(esm('let n = 0; export const handler = async (e) => ({ e, n: ++n });'));
    assert.deepEqual(await peer.json({ a: [1, 'é'] }), { e: { a: [1, 'é'] }, n: 1 });
    assert.deepEqual(await peer.json(null), { e: null, n: 2 });
  });

  test('without a payload has an empty object for its event', async () => {
    await using peer = await SandboxPeer.ready(esm('export const handler = async (e) => e;'));
    assert.deepEqual(await peer.json(Buffer.alloc(0)), {});
  });

  for (const size of [130_000, 131_072, 400_000, 3_000_000, 6_000_000]) {
    test(`carries ${size} bytes both ways within the credit`, async () => {
      await using peer = await SandboxPeer.ready(esm('export const handler = async (e) => e;'));
      const event = Buffer.from(JSON.stringify('é'.repeat(size / 2)));
      const outcome = await peer.invoke(event);
      assert.ok(outcome?.body?.equals(event));
      assert.equal(peer.overdraft, 0);
      assert.equal(await peer.json(1), 1);
    });
  }

  test('does not wait for the event loop, only for the handler', async () => {
    await using peer = await SandboxPeer.ready(
      esm('export const handler = async () => { setTimeout(() => {}, 1e6); };'),
    );
    assert.equal(await peer.json(), null);
  });

  test('takes what a synchronous handler returns', async () => {
    await using peer = await SandboxPeer.ready(esm('export const handler = (e) => ({ e });'));
    assert.deepEqual(await peer.json(1), { e: 1 });
  });

  test('waits for thenables', async () => {
    await using peer = await SandboxPeer.ready(
      esm('export const handler = () => ({ then: (done) => setTimeout(done, 1, "late") });'),
    );
    assert.equal(await peer.json(), 'late');
  });

  test('answers null for undefined and for what has no JSON', async () => {
    await using peer = await SandboxPeer.ready(
      esm('export const handler = async (e) => (e === 1 ? () => {} : undefined);'),
    );
    assert.equal(await peer.json(0), null);
    assert.equal(await peer.json(1), null);
  });

  test('survives frames cut at any byte', async () => {
    await using peer = await SandboxPeer.start(esm('export const handler = async (e) => e;'));
    await peer.init();
    peer.socket.setNoDelay?.(true);
    const write = peer.socket.write.bind(peer.socket);
    let seed = 7;
    peer.socket.write = (bytes: Buffer) => {
      for (let start = 0; start < bytes.length;) {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        const end = start + 1 + (seed % (seed % 3 === 0 ? 4 : bytes.length));
        write(bytes.subarray(start, end));
        start = end;
      }
      return true;
    };
    for (let round = 0; round < 200; round++) {
      const event = 'x'.repeat((round * 9973) % 300_000);
      assert.equal(await peer.json(event), event);
    }
  });
});

describe('the context', () => {
  test('has what AWS documents for Node 24 and later', async () => {
    await using peer = await SandboxPeer.ready(
      esm(`export const handler = async (e, context) => ({ ...context, keys: Object.keys(context),
        left: context.getRemainingTimeInMillis(), trace: process.env._X_AMZN_TRACE_ID ?? null });`),
    );
    const context = (await peer.json(
      {},
      {
        requestId: 'r1',
        arn: 'arn:aws:lambda:us-east-1:000000000000:function:fn:live',
        traceId: 'Root=1-2-3',
        clientContext: '{"custom":{"a":1}}',
        timeoutMs: 60_000,
      },
    )) as Record<string, unknown>;
    const { keys, left, ...rest } = context;
    assert.deepEqual(rest, {
      awsRequestId: 'r1',
      clientContext: { custom: { a: 1 } },
      functionName: 'fn',
      functionVersion: '$LATEST',
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:fn:live',
      logGroupName: '/aws/lambda/fn',
      logStreamName: '2026/11/21/[$LATEST]0123456789abcdef0123456789abcdef',
      memoryLimitInMB: '128',
      trace: 'Root=1-2-3',
      xRayTraceId: 'Root=1-2-3',
    });
    for (const gone of ['done', 'succeed', 'fail', 'callbackWaitsForEmptyEventLoop']) {
      assert.ok(!(keys as string[]).includes(gone), gone);
    }
    assert.ok((left as number) > 50_000 && (left as number) <= 60_000);
    assert.equal(((await peer.json()) as { trace: unknown }).trace, null);
  });
});

describe('the process', () => {
  test('has the environment of the function and nothing else', async () => {
    await using peer = await SandboxPeer.ready({
      ...esm(
        'export const handler = async () => ({ env: process.env, cwd: process.cwd(), argv: process.argv, exec: process.execPath });',
      ),
      environment: { GREETING: 'hello', NODE_PATH: '/opt/x/node_modules' },
    });
    assert.deepEqual(await peer.json(), {
      env: { PATH: '/usr/bin:/bin', LAMBDA_TASK_ROOT: peer.root, GREETING: 'hello', NODE_PATH: '/opt/x/node_modules' },
      cwd: peer.root,
      argv: ['/var/lang/bin/node', '/var/runtime/index.mjs'],
      exec: '/var/lang/bin/node',
    });
  });

  test('does not hand the stream to child processes', async () => {
    await using peer = await SandboxPeer.ready(
      esm(`import { execFileSync } from 'node:child_process'; import { readlinkSync, readdirSync } from 'node:fs';
        const mine = readlinkSync('/proc/self/fd/3');
        export const handler = async () => ({ mine, theirs: execFileSync('/bin/ls', ['-l', '/proc/self/fd']).toString() });`),
    );
    const { mine, theirs } = (await peer.json()) as { mine: string; theirs: string };
    assert.match(mine, /^socket:/);
    assert.ok(!theirs.includes(mine));
  });

  test('that exits closes the stream, after its exit listeners and with its last words', async () => {
    await using peer = await SandboxPeer.ready(
      esm(`process.on('exit', (code) => console.log('leaving', code));
        export const handler = async () => { process.stdout.write('unfinished'); process.exit(3); };`),
    );
    assert.equal(await peer.invoke(), undefined);
    assert.match(peer.pendingLog, /INFO\tleaving 3\nunfinished\n$/);
    assert.deepEqual(await peer.exited, { code: 3, signal: null });
  });

  test('ends when what the handler waits for can never come', async () => {
    await using peer = await SandboxPeer.ready(esm('export const handler = () => new Promise(() => {});'));
    assert.equal(await peer.invoke(), undefined);
    assert.deepEqual(await peer.exited, { code: 0, signal: null });
  });

  test('runs invocations that are sent ahead one at a time, in order, each with what is its own', async () => {
    await using peer = await SandboxPeer.ready(
      esm(`
        let running = 0;
        export const handler = async (event, context) => {
          running++;
          await new Promise((resolve) => setTimeout(resolve, 2));
          if (event === 2) { running--; throw new Error('second'); }
          return [event, running--, context.awsRequestId, context.getRemainingTimeInMillis() > 900];
        };`),
    );
    const frames = await peer.exchange(
      [1, 2, 3].map((n) => invoke(n, n)),
      3,
    );
    assert.deepEqual(
      frames.map(({ kind, stream }) => [kind, stream]),
      [
        [Kind.end, 1],
        [Kind.error, 2],
        [Kind.end, 3],
      ],
    );
    assert.deepEqual(JSON.parse(frames[0]!.text), [1, 1, 'request-1', true]);
    assert.deepEqual(JSON.parse(frames[2]!.text), [3, 1, 'request-3', true]);
  });

  test('says of an invocation whether it has waited for anything but a processor', async () => {
    await using peer = await SandboxPeer.ready(
      esm(`
        export const handler = async (event) => {
          if (event === 'wait') await new Promise((resolve) => setTimeout(resolve, 20));
          for (const start = Date.now(); Date.now() - start < 20;);
          await null;
          return event;
        };`),
    );
    for (const [event, kind] of [
      ['compute', Kind.computed],
      ['wait', Kind.end],
      ['compute', Kind.computed],
    ] as const) {
      const [frame] = await peer.exchange([invoke(1, event)], 1);
      assert.equal(frame!.kind, kind);
    }
  });

  test('gives back what was sent ahead and has not begun', async () => {
    await using peer = await SandboxPeer.ready(
      esm(
        'let n = 0; export const handler = async () => { await new Promise((done) => setTimeout(done, 50)); return ++n; };',
      ),
    );
    const frames = await peer.exchange([invoke(1, 0), invoke(2, 0), encodeFrame(Kind.withdraw, 0)], 2);
    assert.deepEqual(frames, [
      { kind: Kind.withdraw, stream: 0, text: '' },
      { kind: Kind.end, stream: 1, text: '1' },
    ]);
    assert.deepEqual(await peer.exchange([invoke(3, 0)], 1), [{ kind: Kind.end, stream: 3, text: '2' }]);
  });

  test('ends when the server goes away', async () => {
    await using peer = await SandboxPeer.ready(esm('export const handler = async () => {};'));
    peer.socket.destroy();
    assert.deepEqual(await peer.exited, { code: 0, signal: null });
  });

  test('ends on shutdown, with SIGTERM listeners in charge if there are any', async () => {
    await using plain = await SandboxPeer.ready(esm('export const handler = async () => {};'));
    plain.socket.write(encodeFrame(Kind.shutdown, 0));
    assert.deepEqual(await plain.exited, { code: 0, signal: null });
    await using own = await SandboxPeer.ready(
      esm(`process.on('SIGTERM', () => setTimeout(() => process.exit(7), 1)); export const handler = async () => {};`),
    );
    own.socket.write(encodeFrame(Kind.shutdown, 0));
    assert.deepEqual(await own.exited, { code: 7, signal: null });
  });

  const nonsense: Record<string, Buffer> = {
    'an invocation before init': encodeInvoke(
      1,
      { requestId: 'r', timeoutMs: 1000, arn: 'a', length: 2 },
      Buffer.from('{}'),
    ).frame,
    'a chunk for no invocation': encodeFrame(Kind.chunk, 1, 'x'),
    'a frame that only sandboxes send': encodeJson(Kind.log, 1, 'x'),
    'an unknown kind': Buffer.from([0, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0]),
    'a frame over the limit': Buffer.from([0xff, 0xff, 0xff, 0x7f, 4, 0, 0, 0, 0, 0, 0, 0]),
  };
  for (const [name, frame] of Object.entries(nonsense)) {
    test(`ends on ${name}`, async () => {
      await using peer = await SandboxPeer.start(esm('export const handler = async () => {};'));
      peer.socket.write(frame);
      assert.deepEqual(await peer.exited, { code: 1, signal: null });
      assert.match(peer.stdio, /^hearth runtime: .+\n$/);
    });
  }
});
