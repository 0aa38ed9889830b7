/** A server's whole life on control groups of version 2, as root: `../../guest.test.ts` starts it in a guest. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../testing/eventually.ts';
import { type Answer, Hearth } from '../../testing/hearth.ts';
import { holdingsOf } from '../../testing/holdings.ts';

/** Everything is slow here. */
const PATIENCE_MS = 60_000;
const CODE = `
const kept = [];
export const handler = async ({ mb = 0, ...event }) => {
  for (let i = 0; i < mb; i++) kept.push(Buffer.alloc(1024 * 1024, i + 1));
  return event;
};`;
const SETTINGS = { instances: 1, slots: 2, spares: 1, instanceMemoryMb: 1024 };

const maxMemoryUsed = ({ log }: Answer): number => Number(/Max Memory Used: (\d+) MB/.exec(log)?.[1]);

describe('on control groups of version 2 a server', () => {
  let hearth: Hearth;
  const data = fs.mkdtempSync('/var/tmp/hearth-e2e-');

  /** The slots' groups of the only account's instance that have been used. */
  const slots = (): string[] =>
    holdingsOf(hearth.dataDirectory)
      .cgroups.flatMap((group) => fs.globSync(`${group}/i-*/s*/`))
      .filter((path) => read(path, 'cgroup.procs') !== '');
  const read = (directory: string, name: string): string => fs.readFileSync(join(directory, name), 'latin1').trim();
  /** The group of a sandbox that runs a function: it alone has a limit of processor time. */
  const limited = (): string => {
    const [found, ...more] = slots().filter((path) => !read(path, 'cpu.max').startsWith('max'));
    assert.ok(found !== undefined && more.length === 0);
    return found;
  };

  before(async () => {
    assert.ok(read('/sys/fs/cgroup', 'cgroup.controllers').includes('memory'));
    hearth = await Hearth.start({ settings: SETTINGS, data });
  });

  after(async () => {
    await hearth[Symbol.asyncDispose]();
    fs.rmSync(data, { recursive: true });
  });

  it('answers from a spare, and holds the function to its limits', async () => {
    await hearth.create('echo', CODE, { Timeout: 60, MemorySize: 256 });
    const answer = await hearth.invoke('echo', { a: 1 });
    assert.deepEqual(answer.payload, { a: 1 });
    assert.equal(answer.startPath, 'spare');
    const group = limited();
    assert.equal(read(group, 'memory.max'), String(256 * 1024 * 1024));
    assert.equal(read(group, 'memory.swap.max'), '0');
    assert.equal(read(group, 'pids.max'), '1024');
    const [quota, period] = read(group, 'cpu.max').split(' ').map(Number) as [number, number];
    assert.ok(Math.abs(quota / period - 256 / 1769) < 0.01, `${quota} of ${period}`);
  });

  it('freezes the sandbox when it is idle, and thaws it for the next call', async () => {
    const group = limited();
    await eventually(() => assert.match(read(group, 'cgroup.events'), /^frozen 1$/m), PATIENCE_MS);
    const answer = await hearth.invoke('echo', { b: 2 });
    assert.deepEqual([answer.payload, answer.startPath], [{ b: 2 }, 'warm']);
  });

  it('kills a sandbox that wants more memory, says so, and counts the next one anew', async () => {
    // Most of it while it starts, when nothing holds it back.
    await hearth.create('hungry', `const most = Buffer.alloc(200 * 1024 * 1024, 1);${CODE}`, {
      Timeout: 300,
      MemorySize: 256,
    });
    const groups = slots();
    const inodes = new Map(groups.map((path) => [path, fs.statSync(path).ino]));
    const full = await hearth.invoke('hungry', { mb: 100 });
    assert.equal(full.payload.errorType, 'Runtime.OutOfMemory');
    assert.match(full.payload.errorMessage, /signal: killed/);
    assert.equal(maxMemoryUsed(full), 256);
    // Only a new group has a new peak.
    await eventually(() => assert.ok(groups.some((path) => fs.statSync(path).ino !== inodes.get(path))), PATIENCE_MS);
    const next = await hearth.invoke('echo', { c: 3 });
    assert.deepEqual(next.payload, { c: 3 });
    assert.ok(maxMemoryUsed(next) < 128, next.log);
  });

  it('forks where no spare will do, and starts the runtime anew where it must', async () => {
    await hearth.create('fork', CODE, { Timeout: 60, EphemeralStorage: { Size: 600 } });
    assert.equal((await hearth.invoke('fork')).startPath, 'fork');
    await hearth.create('exec', CODE, {
      Timeout: 60,
      MemorySize: 512,
      Environment: { Variables: { NODE_OPTIONS: '--stack-trace-limit=5' } },
    });
    assert.equal((await hearth.invoke('exec')).startPath, 'exec');
  });

  it('that is killed leaves nothing, and knows its functions when it lives again', async () => {
    const exit = once(hearth.process, 'exit');
    hearth.process.kill('SIGKILL');
    await exit;
    await eventually(() => {
      const { files: _, ...held } = holdingsOf(hearth.dataDirectory);
      for (const [kind, found] of Object.entries(held)) assert.deepEqual(found, [], kind);
    }, PATIENCE_MS);
    hearth = await Hearth.start({ settings: SETTINGS, data });
    assert.deepEqual((await hearth.invoke('echo', { e: 5 })).payload, { e: 5 });
    assert.equal(await hearth.stop(), 0);
    for (const [kind, found] of Object.entries(holdingsOf(hearth.dataDirectory))) assert.deepEqual(found, [], kind);
  });
});
