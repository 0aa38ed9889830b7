import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SandboxPeer } from './testing/sandbox-peer.ts';

/** The log of one invocation of a handler with this body, times removed. */
async function logOf(body: string): Promise<string> {
  await using peer = await SandboxPeer.ready({
    files: { 'index.mjs': `export const handler = async () => { ${body} };` },
  });
  const outcome = await peer.invoke({}, { requestId: 'R' });
  return outcome!.log.replaceAll(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/gm, 'T');
}

describe('the log', () => {
  const entries: [string, string][] = [
    ['console.log("a")', 'T\tR\tINFO\ta\n'],
    ['console.info("a")', 'T\tR\tINFO\ta\n'],
    ['console.warn("a")', 'T\tR\tWARN\ta\n'],
    ['console.error("a")', 'T\tR\tERROR\ta\n'],
    ['console.debug("a")', 'T\tR\tDEBUG\ta\n'],
    ['console.trace("a")', 'T\tR\tTRACE\ta\n'],
    ['console.fatal("a")', 'T\tR\tFATAL\ta\n'],
    ['console.log("%s is %d%%", "x", 5, { y: 1 })', 'T\tR\tINFO\tx is 5% { y: 1 }\n'],
    ['console.log("a\\nb\\r\\nc")', 'T\tR\tINFO\ta\rb\r\rc\n'],
    ['console.log()', 'T\tR\tINFO\tundefined\n'],
    ['console.log("é€😀")', 'T\tR\tINFO\té€😀\n'],
    ['console.dir({ a: 1 })', '{ a: 1 }\n'],
    ['process.stdout.write("a\\nb"); process.stdout.write("c\\n")', 'a\nbc\n'],
    ['process.stderr.write(Buffer.from("raw"))', 'raw\n'],
    ['process.stdout.write("x"); console.log("y")', 'T\tR\tINFO\ty\nx\n'],
    ['await new Promise((r) => process.stdout.write("done\\n", r))', 'done\n'],
  ];
  for (const [code, expected] of entries) {
    test(`of ${code}`, async () => assert.equal(await logOf(code), expected));
  }

  test('keeps the order of all that is printed', async () => {
    const log = await logOf(
      'for (let i = 0; i < 500; i++) { i % 2 ? console.log(i) : process.stdout.write(i + "\\n"); if (i % 50 === 0) await null; }',
    );
    assert.deepEqual(
      log
        .trimEnd()
        .split('\n')
        .map((line) => Number(line.split('\t').at(-1))),
      Array.from({ length: 500 }, (_, index) => index),
    );
  });

  test('cuts a line that is too long into lines, between characters', async () => {
    const log = await logOf('process.stdout.write("a" + "€".repeat(200_000) + "\\n")');
    const lines = log.trimEnd().split('\n');
    assert.ok(lines.length > 1);
    assert.equal(lines.join(''), `a${'€'.repeat(200_000)}`);
  });

  test('cuts between lines where it can', async () => {
    const log = await logOf('process.stdout.write("0123456789abcde\\n".repeat(50_000))');
    assert.equal(log, '0123456789abcde\n'.repeat(50_000));
  });

  test('shows what was printed before a function hangs', async () => {
    await using peer = await SandboxPeer.ready({
      files: { 'index.mjs': 'export const handler = async () => { console.log("here"); for (;;); };' },
    });
    const data = new Promise((resolve) => peer.socket.once('data', resolve));
    void peer.invoke();
    await data;
    assert.match(peer.pendingLog, /INFO\there\n$/);
  });

  test('waits for a slow reader instead of filling memory', async () => {
    await using peer = await SandboxPeer.ready({
      files: {
        'index.mjs': `export const handler = async () => { const line = 'x'.repeat(10_000);
          for (let i = 0; i < 20_000; i++) console.log(line);
          return process.resourceUsage().maxRSS; };`,
      },
    });
    // The peer would hold the text, so its reading is replaced by counting.
    const { FrameDecoder, Kind, encodeInvoke } = await import('@hearth/protocol');
    let bytes = 0;
    const kilobytes = await new Promise<number>((resolve) => {
      const decoder = new FrameDecoder((kind, _stream, payload) => {
        if (kind === Kind.log) bytes += payload.length;
        if (kind === Kind.end || kind === Kind.computed) resolve(Number(payload.toString()));
      });
      peer.socket.removeAllListeners('data');
      peer.socket.on('data', (data: Buffer) => decoder.push(data));
      const meta = { requestId: 'r', timeoutMs: 1000, arn: 'a', length: 2 };
      peer.socket.write(encodeInvoke(1, meta, Buffer.from('{}')).frame);
    });
    assert.ok(bytes > 200e6);
    assert.ok(kilobytes < 160_000, `${kilobytes} KB resident`);
  });

  test('belongs to the invocation that printed it', async () => {
    await using peer = await SandboxPeer.ready({
      files: { 'index.mjs': 'console.log("init"); export const handler = async (e) => { console.log(e); };' },
    });
    assert.match((await peer.invoke(1))!.log, /\trequest-1\tINFO\t1\n$/);
    assert.match((await peer.invoke(2))!.log, /^\S+\trequest-2\tINFO\t2\n$/);
  });
});
