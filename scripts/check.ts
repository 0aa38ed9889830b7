/** `npm run check`: everything that can be said about the source without running it, all at once. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
import { checkArchitecture } from './architecture.ts';

const root = join(import.meta.dirname, '..');
const tools = join(root, 'node_modules', '.bin');

interface Outcome {
  name: string;
  passed: boolean;
  seconds: number;
  output: string;
}

async function timed(name: string, check: () => Promise<{ passed: boolean; output: string }>): Promise<Outcome> {
  const start = performance.now();
  const { passed, output } = await check();
  return { name, passed, output, seconds: (performance.now() - start) / 1000 };
}

async function tool(command: string, args: string[]): Promise<{ passed: boolean; output: string }> {
  const child = spawn(join(tools, command), args, {
    cwd: root,
    // The tools' own first lines ask for `node`: let it be the workspace's.
    env: { ...process.env, PATH: `${tools}${delimiter}${process.env['PATH'] ?? ''}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'close');
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await exit;
  return { passed: child.exitCode === 0, output: `${out}${err}`.trim() };
}

async function architecture(): Promise<{ passed: boolean; output: string }> {
  const complaints = checkArchitecture(root);
  return { passed: complaints.length === 0, output: complaints.join('\n') };
}

const outcomes = await Promise.all([
  timed('format', () => tool('oxfmt', ['--check', '.'])),
  timed('lint', () => tool('oxlint', ['--type-aware', '--deny-warnings'])),
  timed('types', () => tool('tsc', ['-p', '.'])),
  timed('dead code', () => tool('knip', ['--no-progress'])),
  timed('architecture', architecture),
]);

for (const { name, output } of outcomes.filter(({ passed }) => !passed)) console.log(`--- ${name}\n${output}\n`);
for (const { name, passed, seconds } of outcomes) {
  console.log(`${name.padEnd(14)}${passed ? 'clean ' : 'FAILED'}${seconds.toFixed(1).padStart(7)} s`);
}
process.exitCode = outcomes.every(({ passed }) => passed) ? 0 : 1;
