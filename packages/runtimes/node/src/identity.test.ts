import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { SeededRandom } from './random.ts';

const INDEX = new URL('./index.ts', import.meta.url).href;
const IDENTITY = new URL('./identity.ts', import.meta.url).href;

/** What a process prints that takes a new identity after `before` and then evaluates `expression`. */
function afterRenewal(expression: string, before = '', argument = '4711'): unknown {
  const script = `const { randomUUID, randomInt } = await import('node:crypto');
    ${before}
    (await import(${JSON.stringify(IDENTITY)})).renewIdentity(Buffer.alloc(12), ${argument});
    process.stdout.write(JSON.stringify(${expression}));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }));
}

test('a fork shows the process that it is, not the one that it came from', () => {
  const seen = afterRenewal(
    '[process.pid, process.argv, process.execPath, process.execArgv, process.title, Math.random.name, Object.keys(performance)]',
  );
  assert.deepEqual(seen, [
    4711,
    ['/var/lang/bin/node', '/var/runtime/index.mjs'],
    '/var/lang/bin/node',
    [],
    '/var/lang/bin/node',
    'random',
    [],
  ]);
});

test('the process id comes from /proc where it is not given', () => {
  assert.equal(afterRenewal('process.pid === before', 'const before = process.pid;', ''), true);
});

test('clocks start with the fork and agree with each other', () => {
  const [uptime, now, originError, wall, markError, measured] = afterRenewal(
    `(() => { const mark = performance.mark('a'); const at = performance.now(); return [process.uptime(), at,
      performance.toJSON().timeOrigin - performance.timeOrigin, performance.timeOrigin + performance.now() - Date.now(),
      at - mark.startTime, performance.measure('m', 'a').duration]; })()`,
    'await new Promise((resolve) => setTimeout(resolve, 300));',
  ) as [number, number, number, number, number, number];
  assert.ok(uptime < 0.25, `up for ${uptime} s`);
  assert.ok(now >= 0 && now < 250, `${now} ms`);
  assert.equal(originError, 0);
  assert.ok(Math.abs(wall) < 100, `${wall} ms`);
  assert.ok(markError >= 0 && markError < 50, `${markError} ms`);
  assert.ok(measured >= 0 && measured < 50, `${measured} ms`);
});

test('a zygote leaves the caches that Node draws randomness from empty: the first draw of a fork fills them', () => {
  // Node's own job that asks for random bytes is counted.
  const script = `
    import { createRequire } from 'node:module';
    import { randomInt, randomUUID } from 'node:crypto';
    const { internalBinding } = createRequire('/')('internal/test/binding');
    const { RandomBytesJob } = internalBinding('crypto');
    const { run } = RandomBytesJob.prototype;
    let fills = 0;
    RandomBytesJob.prototype.run = function () { fills++; return run.call(this); };
    const { prepareSandboxes, warmUp } = await import(${JSON.stringify(INDEX)});
    await warmUp();
    prepareSandboxes('nodejs26.x');
    fills = 0;
    randomUUID();
    const first = fills;
    randomInt(2);
    process.stdout.write(JSON.stringify([first, fills]));`;
  const args = ['--expose-internals', '--no-warnings', '--input-type=module', '-e', script];
  assert.deepEqual(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })), [1, 2]);
});

test('1,000 seeds give 1,000 sequences of numbers spread over [0, 1)', () => {
  const firsts = new Set<number>();
  let sum = 0;
  for (let seed = 0; seed < 1000; seed++) {
    const random = new SeededRandom().next;
    for (let count = 0; count < 10; count++) {
      const value = random();
      assert.ok(value >= 0 && value < 1);
      firsts.add(value);
      sum += value;
    }
  }
  assert.equal(firsts.size, 10_000);
  assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.02, `mean ${sum / 10_000}`);
});
