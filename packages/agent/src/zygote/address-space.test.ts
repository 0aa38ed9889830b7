import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { addressTaker } from './address-space.ts';

const directory = mkdtempSync(join(tmpdir(), 'hearth-addresses-'));
after(() => rmSync(directory, { recursive: true }));
const preload = join(directory, 'addresses.so');
writeFileSync(preload, addressTaker());

/** The mappings of a process whose heap has grown, as `/proc/PID/maps` lists them. */
function mappings(environment: NodeJS.ProcessEnv): { start: number; bytes: number; rights: string; path: string }[] {
  const program = `
    const keep = [];
    for (let i = 0; i < 3000; i++) keep.push(new Array(2000).fill(i));
    new Worker('', { eval: true }).on('exit', () => console.log(require('fs').readFileSync('/proc/self/maps', 'latin1')));`;
  const args = ['-e', `const { Worker } = require('worker_threads'); ${program}`];
  const text = execFileSync(process.execPath, args, { encoding: 'latin1', env: environment });
  return Array.from(text.matchAll(/^(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)$/gm), ([, start, end, rights, path]) => ({
    start: parseInt(start!, 16),
    bytes: parseInt(end!, 16) - parseInt(start!, 16),
    rights: rights!,
    path: path!,
  }));
}

/** Chunks of V8's that lie where it would choose. */
function scattered(environment: NodeJS.ProcessEnv): number {
  return mappings(environment).filter(
    ({ start, rights, path }) => start > 0x1_0002_0000 && start < 0x4000_0000_0000 && path === '' && rights !== '---p',
  ).length;
}

test("with the addresses taken, no part of V8's heap lies at a random one", () => {
  assert.ok(scattered({}) > 20, 'V8 no longer scatters its heap: nothing is gained any more');
  assert.equal(scattered({ LD_PRELOAD: preload }), 0);
});

test('no stack becomes executable, and nothing that can be written to', () => {
  const executable = ({ rights }: { rights: string }): boolean => /^.wx/.test(rights);
  // V8's own code has its mappings with or without it.
  const without = mappings({}).filter(executable);
  const found = mappings({ LD_PRELOAD: preload }).filter(executable);
  assert.ok(found.length <= without.length, JSON.stringify(found));
});

test('a process that may not have so many addresses goes on with its heap as it is', () => {
  // In KB: enough for Node itself, and a thousandth of what would be taken.
  const limited = [
    '-c',
    'ulimit -v 67108864; exec "$@"',
    'sh',
    process.execPath,
    '-e',
    "process.stdout.write('started')",
  ];
  const answer = execFileSync('sh', limited, { encoding: 'utf8', env: { LD_PRELOAD: preload }, stdio: 'pipe' });
  assert.equal(answer, 'started');
});
