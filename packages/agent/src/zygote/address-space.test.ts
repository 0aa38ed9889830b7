import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

const MODULE = new URL('./address-space.ts', import.meta.url).href;

/** Runs in a process of its own: what is taken stays taken. `allocate` makes V8 need chunks. */
function run(script: string): unknown {
  const program = `
    const fs = await import('node:fs');
    const { packHeap } = await import(${JSON.stringify(MODULE)});
    const keep = [];
    const allocate = (count) => { for (let i = 0; i < count; i++) keep.push(new Array(2000).fill(i)); };
    /** Chunks of V8's that lie where it would choose. */
    const scattered = () => fs.readFileSync('/proc/self/maps', 'latin1').split('\\n')
      .filter((line) => / rw-p .* 0 *$/.test(line) && parseInt(line, 16) > 0x1_0000_0000 && parseInt(line, 16) < 0x4000_0000_0000).length;
    ${script}`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }));
}

test('once packed, a heap that grows takes no more of the scattered addresses', () => {
  const [before, after] = run(`
    packHeap();
    const before = scattered();
    allocate(3000);
    console.log(JSON.stringify([before, scattered()]));`) as [number, number];
  assert.ok(after <= before, `${before} chunks became ${after}`);
});

test('a process that may not have so many addresses goes on with its heap as it is', () => {
  // In KB: enough for Node itself, and a thousandth of what would be taken.
  const limited = ['-c', 'ulimit -v 67108864; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e'];
  const script = `(await import(${JSON.stringify(MODULE)})).packHeap(); process.stdout.write('packed')`;
  assert.equal(execFileSync('sh', [...limited, script], { encoding: 'utf8' }), 'packed');
});

test('a heap that grows while it is packed is no hindrance', () => {
  const seen = run(`
    const { readFileSync } = fs.default;
    let reads = 0;
    fs.default.readFileSync = (...args) => {
      const maps = readFileSync(...args);
      // What was free a moment ago is taken.
      if (reads++ < 3) allocate(3000);
      return maps;
    };
    (await import('node:module')).syncBuiltinESMExports();
    packHeap();
    console.log(JSON.stringify(reads));`);
  assert.ok((seen as number) > 1, 'the heap did not grow: nothing was tried');
});
