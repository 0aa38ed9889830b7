import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

const INDEX = new URL('./index.ts', import.meta.url).href;

test('warming up leaves no handle, listener or change of a global behind', () => {
  // In a process of its own: a test runner has handles.
  const script = `
    import { readdirSync } from 'node:fs';
    const { warmUp } = await import(${JSON.stringify(INDEX)});
    const look = () => ({
      resources: process._getActiveHandles().length,
      descriptors: readdirSync('/proc/self/fd').length,
      globals: Reflect.ownKeys(globalThis).map(String).filter((name) => !name.startsWith('Symbol(undici')),
      listeners: process.eventNames().map(String),
      environment: process.env,
      directory: process.cwd(),
      console: Object.values(console).map(String),
      random: String(Math.random),
    });
    const before = look();
    await warmUp();
    await warmUp();
    console.log(JSON.stringify({ before, after: look() }));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  const { before, after } = JSON.parse(output) as { before: object; after: object };
  assert.deepEqual(after, before);
});
