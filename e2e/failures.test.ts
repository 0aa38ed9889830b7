/** Functions that fail in every way they can: the caller gets an answer, and nobody else notices. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Answer, Hearth } from './testing/hearth.ts';
import { packageClosure } from './testing/package-closure.ts';

describe('a function that fails', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start();
    await hearth.create('bystander', `export const handler = async (event) => event;`);
    await hearth.invoke('bystander');
  });

  after(() => hearth[Symbol.asyncDispose]());

  /** Creates a function whose handler's body this is; `first` runs with its first invocation only. */
  const create = (name: string, body: string, settings: Parameters<Hearth['create']>[2] = {}) =>
    hearth.create(
      name,
      `let first = true;
       const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
       export const handler = async (event) => { ${body} };`,
      { Timeout: 60, ...settings },
    );

  const requestId = ({ log }: Answer): string => /^(?:START|END|REPORT) RequestId: (\S+)/m.exec(log)?.[1] ?? '';

  const reports = (answer: Answer, pattern: RegExp) =>
    assert.match(answer.log.split('\n').find((line) => line.startsWith('REPORT')) ?? answer.log, pattern);

  for (const [what, code] of [
    ['waits too long', 'if (event.hang) await sleep(60_000); return "fine";'],
    ['never gives way', 'while (event.hang); return "fine";'],
  ] as const) {
    it(`times out where it ${what}, and the next call gets a new sandbox`, async () => {
      const name = what.replaceAll(' ', '-');
      await create(name, code, { Timeout: 1 });
      assert.equal((await hearth.invoke(name)).payload, 'fine');
      const started = performance.now();
      const answer = await hearth.invoke(name, { hang: true });
      const took = performance.now() - started;
      assert.equal(answer.startPath, 'warm');
      assert.equal(answer.error, 'Unhandled');
      assert.deepEqual(answer.payload, {
        errorType: 'Sandbox.Timedout',
        errorMessage: `RequestId: ${requestId(answer)} Error: Task timed out after 1.00 seconds`,
      });
      assert.ok(took > 950 && took < 5000, `${took} ms`);
      assert.match(answer.log, /Task timed out after 1\.00 seconds/);
      reports(answer, /Duration: 1000\.00 ms.*Status: timeout$/);
      const next = await hearth.invoke(name);
      assert.notEqual(next.startPath, 'warm');
      assert.equal(next.payload, 'fine');
      assert.equal((await hearth.get(`/_hearth/invocations/${requestId(answer)}`)).status, 'timed-out');
    });
  }

  it('throws: the error is its answer, and the sandbox lives', async () => {
    await create('thrower', 'const error = new RangeError("too far"); throw error;');
    const answer = await hearth.invoke('thrower');
    assert.equal(answer.error, 'Unhandled');
    assert.equal(answer.payload.errorType, 'RangeError');
    assert.equal(answer.payload.errorMessage, 'too far');
    assert.match(answer.payload.trace.join('\n'), /^RangeError: too far\n.*\/var\/task\/index\.mjs:3/);
    assert.match(answer.log, /\tERROR\tInvoke Error \t\{"errorType":"RangeError"/);
    assert.equal((await hearth.invoke('thrower')).startPath, 'warm');
  });

  it('ends its process', async () => {
    await create('leaver', 'if (event.code === undefined) return "here"; process.exit(event.code);');
    for (const [code, how] of [
      [3, 'Runtime exited with error: exit status 3'],
      [0, 'Runtime exited without providing a reason'],
    ] as const) {
      const answer = await hearth.invoke('leaver', { code });
      assert.deepEqual(answer.payload, {
        errorType: 'Runtime.ExitError',
        errorMessage: `RequestId: ${requestId(answer)} Error: ${how}`,
      });
      reports(answer, /Status: error\tError Type: Runtime\.ExitError$/);
      const next = await hearth.invoke('leaver');
      assert.equal(next.payload, 'here');
      assert.notEqual(next.startPath, 'warm');
    }
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
  it('is killed by a signal that it sends to itself, though it is process 1', async () => {
    await create(
      'suicide',
      `if (event.signal === 'abort') process.abort();
       const { execFileSync } = await import('node:child_process');
       if (event.signal === 'child') execFileSync('sh', ['-c', 'kill $PPID; sleep 10']);
       process.kill(process.pid, event.signal);
       return 1;`,
    );
    for (const [signal, how] of [
      ['SIGKILL', 'killed'],
      ['SIGTERM', 'terminated'],
      ['abort', 'aborted'],
      ['child', 'terminated'],
    ] as const) {
      const answer = await hearth.invoke('suicide', { signal });
      assert.deepEqual(answer.payload, {
        errorType: 'Runtime.ExitError',
        errorMessage: `RequestId: ${requestId(answer)} Error: Runtime exited with error: signal: ${how}`,
      });
    }
  });

  it('crashes in a native addon', async () => {
    await hearth.create('native', {
      'index.mjs': `
        import koffi from 'koffi';
        const length = koffi.load(null).func('size_t strlen(void *)');
        export const handler = async (event) => (event.well ? 'well' : length(null));`,
      ...packageClosure('koffi'),
    });
    for (const time of ['first', 'second']) {
      const answer = await hearth.invoke('native');
      assert.equal(answer.payload.errorType, 'Runtime.ExitError', time);
      assert.match(answer.payload.errorMessage, /Runtime exited with error: signal: segmentation fault/);
      assert.equal((await hearth.invoke('native', { well: true })).payload, 'well');
    }
  });

  it('throws while it is loaded', async () => {
    await hearth.create('broken', `throw new Error('no configuration');\nexport const handler = async () => 1;`);
    for (const time of ['first', 'second']) {
      const answer = await hearth.invoke('broken');
      assert.equal(answer.error, 'Unhandled', time);
      reports(answer, /MB\tStatus: error\tError Type: Error$/);
      assert.equal(answer.payload.errorType, 'Error', JSON.stringify(answer.payload));
      assert.equal(answer.payload.errorMessage, 'no configuration');
    }
  });

  it('cannot be found or parsed', async () => {
    await hearth.create('lost', { 'other.mjs': 'export const handler = async () => 1;' });
    await hearth.create('nameless', 'export const other = async () => 1;');
    await hearth.create('garbled', 'export const handler = async () => {');
    const types = await Promise.all(
      ['lost', 'nameless', 'garbled'].map(async (name) => (await hearth.invoke(name)).payload.errorType),
    );
    assert.deepEqual(types, ['Runtime.ImportModuleError', 'Runtime.HandlerNotFound', 'Runtime.UserCodeSyntaxError']);
  });

  it('leaves a rejection unhandled', async () => {
    await create('careless', 'Promise.reject(new Error("dropped")); await sleep(10_000);');
    const answer = await hearth.invoke('careless');
    assert.equal(answer.payload.errorType, 'Runtime.UnhandledPromiseRejection', JSON.stringify(answer.payload));
    assert.equal(answer.payload.errorMessage, 'Error: dropped');
  });

  it('waits for what never comes', async () => {
    await create('waiter', 'await new Promise(() => {});');
    const answer = await hearth.invoke('waiter');
    assert.equal(answer.payload.errorType, 'Runtime.ExitError', JSON.stringify(answer.payload));
  });

  it('answers with what has no JSON, or with more than 6 MB', async () => {
    await create('circular', 'const circle = {}; circle.self = circle; return circle;');
    assert.equal((await hearth.invoke('circular')).payload.errorType, 'Runtime.JSONStringifyError');
    await create('large', 'return "x".repeat(event.length);', { MemorySize: 512 });
    const { payload } = await hearth.invoke('large', { length: 7 * 1024 * 1024 });
    assert.equal(payload.errorType, 'Function.ResponseSizeTooLarge');
    const last = await hearth.invoke('large', { length: 6 * 1024 * 1024 - 2 });
    assert.equal(last.payload.length, 6 * 1024 * 1024 - 2);
  });

  it('uses up its memory, in its heap or beside it', async () => {
    await create('leak', 'const all = []; for (;;) all.push(new Array(1000).fill({ ...event }));', { MemorySize: 256 });
    await create('buffers', 'const all = []; for (;;) all.push(Buffer.alloc(1024 * 1024, 1));', { MemorySize: 256 });
    for (const name of ['leak', 'buffers']) {
      const answer = await hearth.invoke(name);
      assert.equal(answer.error, 'Unhandled');
      // V8 gives up by abort(3).
      if (/heap out of memory/.test(answer.log)) assert.match(answer.payload.errorMessage, /: signal: aborted$/);
      assert.match(answer.payload.errorType, /^Runtime\.(ExitError|OutOfMemory)$/);
      const [, used] = /Max Memory Used: (\d+) MB/.exec(answer.log) ?? [];
      assert.ok(Number(used) > 100 && Number(used) <= 256, `${name}: ${used} MB`);
    }
  });

  it('does not fail for 2 GB of garbage, whatever its size', async () => {
    // Objects and strings, of which the latest 10,000 stay: what a parser or a framework leaves behind.
    const body = `
      const recent = new Array(10_000);
      let bytes = 0;
      for (let i = 0; bytes < 2 ** 31; i++) {
        recent[i % recent.length] = { i, numbers: new Array(100).fill(i), text: 'item ' + i };
        bytes += 1000;
      }
      return recent.length;`;
    await Promise.all(
      [128, 256, 512].map(async (MemorySize) => {
        const name = `garbage-${MemorySize}`;
        await create(name, body, { MemorySize, Timeout: 120 });
        const answer = await hearth.invoke(name);
        assert.equal(answer.payload, 10_000, `${name}: ${JSON.stringify(answer)}`);
      }),
    );
  });

  it('opens descriptors without end', async () => {
    const body = `
      const fs = await import('node:fs');
      const open = [];
      try {
        for (;;) open.push(fs.openSync('/dev/null'));
      } catch (error) {
        return [error.code, open.length];
      } finally {
        for (const fd of open) fs.closeSync(fd);
      }`;
    await create('opener', body);
    const { payload } = await hearth.invoke('opener');
    assert.equal(payload[0], 'EMFILE', JSON.stringify(payload));
    assert.ok(payload[1] > 900 && payload[1] < 1024, String(payload[1]));
    assert.equal((await hearth.invoke('opener')).startPath, 'warm');
  });

  it('prints 100 MB', async () => {
    await create(
      'printer',
      'const line = "x".repeat(99_999); for (let i = 0; i < 1000; i++) console.log(line); return 1;',
      {
        MemorySize: 1769,
      },
    );
    const answer = await hearth.invoke('printer');
    assert.equal(answer.payload, 1, JSON.stringify(answer.payload));
    reports(answer, /Max Memory Used/);
    assert.ok(answer.log.length <= 4096);
    assert.deepEqual((await hearth.invoke('bystander', { still: 'here' })).payload, { still: 'here' });
  });

  it('makes processes until there are no more, and harms only itself', async () => {
    const body = `
      const { execFileSync, spawn } = await import('node:child_process');
      const fs = await import('node:fs');
      if (event.bomb) {
        spawn('sh', ['-c', 'b() { b | b & }; b; sleep 100'], { stdio: 'ignore' });
        await sleep(60_000);
      }
      try {
        execFileSync('sh', ['-c', 'while sleep 1000 & do :; done'], { stdio: 'ignore' });
      } catch {}
      const count = fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).length;
      execFileSync('sh', ['-c', 'kill -9 -1; true'], { stdio: 'ignore' });
      return count;`;
    await create('bomb', body, { MemorySize: 1769, Timeout: 8 });
    const many = await hearth.invoke('bomb');
    assert.ok(many.payload > 500 && many.payload <= 1024, JSON.stringify(many));

    const exploding = hearth.invoke('bomb', { bomb: true });
    const ended = new AbortController();
    const end = exploding.finally(() => ended.abort());
    let slowest = 0;
    while (!ended.signal.aborted) {
      const started = performance.now();
      assert.deepEqual((await hearth.invoke('bystander', { n: 1 })).payload, { n: 1 });
      slowest = Math.max(slowest, performance.now() - started);
    }
    assert.match((await end).payload.errorType, /^(Sandbox\.Timedout|Runtime\.(ExitError|OutOfMemory))$/);
    assert.ok(slowest < 5000, `a bystander waited for ${slowest} ms`);
  });
});
