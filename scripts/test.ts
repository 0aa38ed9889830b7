/**
 * `npm test [-- FILE ...]`: the unit tests; then the end-to-end tests two files at a time, because most of them wait more than they
 * work; then, one after the other, those that load or measure the whole machine.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Test files by how they are run. A limit also holds for a file as a whole. */
const UNIT = { limitSeconds: 120, concurrency: Math.max(2, availableParallelism()) };
const END_TO_END = { limitSeconds: 900, concurrency: 2 };
const ALONE = { ...END_TO_END, concurrency: 1 };
/** Which end-to-end tests these are, by their names. */
const WHOLE_MACHINE = new Set(
  ['connections', 'crashes', 'fuzz', 'guest', 'kills', 'leftovers', 'log-floods', 'misbehaviour'].map(
    (name) => `e2e/${name}.test.ts`,
  ),
);

function find(patterns: string[]): string[] {
  return globSync(patterns, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] }).toSorted();
}

async function run(files: string[], { limitSeconds, concurrency }: typeof UNIT): Promise<boolean> {
  // Without files node would look for some by itself.
  if (files.length === 0) return true;
  const child = spawn(
    process.execPath,
    [
      '--test',
      '--test-reporter=spec',
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${limitSeconds * 1000}`,
      ...files,
    ],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0;
}

const given = process.argv.slice(2).map((file) => relative(root, resolve(process.env['INIT_CWD'] ?? '.', file)));
const unit =
  given.length > 0
    ? given.filter((file) => !file.startsWith('e2e/'))
    : find(['{packages,benchmarks,scripts}/**/*.test.ts']);
const endToEnd = given.length > 0 ? given.filter((file) => file.startsWith('e2e/')) : find(['e2e/**/*.test.ts']);

const alone = endToEnd.filter((file) => WHOLE_MACHINE.has(file));
const together = endToEnd.filter((file) => !WHOLE_MACHINE.has(file));

// Each part runs also when those before have failed: who has waited so long wants to see all of it.
const passed = [await run(unit, UNIT), await run(together, END_TO_END), await run(alone, ALONE)];
process.exitCode = passed.every(Boolean) ? 0 : 1;
