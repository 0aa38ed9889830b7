import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { LEAST_SEMI_SPACE_MB, semiSpaceMb } from './heap-sizes.ts';

const moduleUrl = new URL('./young-generation.ts', import.meta.url).href;

/**
 * Makes a given amount of garbage beside 20,000 objects that live for a while, in a process with a zygote's young generation.
 *
 * @returns how often the young generation was full meanwhile.
 */
function scavenges(memoryMb: number): number {
  const program = `
    const { PerformanceObserver } = await import('node:perf_hooks');
    const { YoungGeneration } = await import(${JSON.stringify(moduleUrl)});
    const young = new YoungGeneration();
    if (!young.adjustable) throw new Error('the limit was not found in Node ' + process.version);
    young.suit(${memoryMb});
    let minor = 0;
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === 1) minor++;
    }).observe({ entryTypes: ['gc'] });
    const ring = [];
    for (let turn = 0; turn < 40; turn++) {
      for (let i = 0; i < 40_000; i++) ring[i % 20_000] = { i, name: 'entry ' + i, inner: { list: [i, i, i] } };
      await new Promise((resolve) => setImmediate(resolve));
    }
    console.log(minor);`;
  const flags = ['--single-threaded', `--max-semi-space-size=${LEAST_SEMI_SPACE_MB}`, '--input-type=module'];
  return Number(execFileSync(process.execPath, [...flags, '-e', program], { encoding: 'utf8' }));
}

test('the young generation of a large function grows beyond what the zygote was started with, that of a small one does not', () => {
  const [small, large] = [scavenges(128), scavenges(2048)];
  assert.ok(large > 0 && large <= small / 2, `${small} collections in a small function, ${large} in a large one`);
});

test('a semi-space has a share of the memory, within bounds, and is a power of two', () => {
  const sizes = [1, 128, 511, 512, 1023, 1024, 1769, 2048, 3538, 10_240].map(semiSpaceMb);
  assert.deepEqual(sizes, [8, 8, 8, 16, 16, 32, 32, 64, 64, 64]);
});
