/** A server that an ordinary user started: what it can do and what functions can't. `../../guest.test.ts` starts this in a guest. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../testing/eventually.ts';
import { Hearth } from '../../testing/hearth.ts';
import { holdingsOf, processes } from '../../testing/holdings.ts';

const PATIENCE_MS = 60_000;
/** Beyond the machine: `../../guest.test.ts` has a web server there. */
const OUTSIDE = 'http://203.0.113.1/';

const PROBE = `
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
const attempts = {
  read: ({ path }) => fs.readFileSync(path, 'utf8').slice(0, 200),
  list: ({ path }) => fs.readdirSync(path),
  write: ({ path }) => fs.writeFileSync(path, 'mine'),
  run: ({ command, args }) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  fetch: async ({ url }) => (await fetch(url, { signal: AbortSignal.timeout(20_000) })).text(),
  who: () => ({ uid: process.getuid(), gid: process.getgid(), groups: process.getgroups() }),
};
export const handler = async (event) => {
  try {
    return { value: await attempts[event.do](event) };
  } catch (error) {
    return { failed: error.code ?? error.cause?.code ?? error.name };
  }
};`;

describe('a server of an ordinary user', () => {
  let hearth: Hearth;
  const data = fs.mkdtempSync('/var/tmp/hearth-e2e-');
  const SETTINGS = { instances: 1, slots: 2, spares: 2, instanceMemoryMb: 1024 };
  const probe = async (event: object): Promise<any> => (await hearth.invoke('probe', event)).payload;

  before(async () => {
    assert.notEqual(process.getuid!(), 0);
    hearth = await Hearth.start({ settings: SETTINGS, data });
    await hearth.create('probe', PROBE, { Timeout: 120, MemorySize: 512 });
  });

  after(async () => {
    await hearth[Symbol.asyncDispose]();
    fs.rmSync(data, { recursive: true });
  });

  it('answers from a spare, within limits', async () => {
    const answer = await hearth.invoke('probe', { do: 'who' });
    assert.equal(answer.startPath, 'spare');
    const { uid, gid, groups } = answer.payload.value;
    assert.ok(uid >= 1000 && gid === uid && groups.length <= 1, JSON.stringify(answer.payload));
    const limits = fs
      .globSync('/sys/fs/cgroup/**/hearth-*/i-*/s*/memory.max')
      .map((path) => fs.readFileSync(path, 'latin1').trim());
    assert.ok(limits.includes(String(512 * 1024 * 1024)), limits.join());
  });

  it('gives each sandbox a user of its own, and none of them is the one who started it', () => {
    const users = processes()
      .filter(({ command, groups }) => /\/hearth-\w+\/i-\w+\/s\d+$/m.test(groups) && command !== '')
      .map(({ pid }) => /^Uid:\t(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
    assert.ok(users.length >= 2, String(users.length));
    assert.equal(new Set(users).size, users.length);
    assert.ok(!users.includes(String(process.getuid!())));
  });

  it('keeps functions from its files, from other processes and from privileges', async () => {
    assert.deepEqual(await probe({ do: 'list', path: data }), { failed: 'ENOENT' });
    assert.deepEqual(await probe({ do: 'read', path: '/etc/shadow' }), { failed: 'ENOENT' });
    assert.deepEqual(await probe({ do: 'write', path: '/var/task/x' }), { failed: 'EROFS' });
    assert.equal((await probe({ do: 'write', path: '/tmp/x' })).failed, undefined);
    assert.deepEqual(
      (await probe({ do: 'list', path: '/proc' })).value.filter((name: string) => /^\d+$/.test(name)),
      ['1'],
    );
    for (const args of [
      ['--user', 'true'],
      ['--mount', 'true'],
    ]) {
      assert.notEqual((await probe({ do: 'run', command: 'unshare', args })).failed, undefined, args.join(' '));
    }
    const status = (await probe({ do: 'read', path: '/proc/self/status' })).value as string;
    assert.match(status, /^Name:/);
  });

  it('gives functions their layers, merged', async () => {
    const Layers = [
      await hearth.publishLayer('first', { 'bin/greet': '#!/bin/sh\necho one', first: '' }),
      await hearth.publishLayer('second', { 'bin/greet': '#!/bin/sh\necho two', second: '' }),
    ];
    await hearth.create('layered', PROBE, { Timeout: 120, Layers });
    const ask = async (event: object): Promise<any> => (await hearth.invoke('layered', event)).payload;
    assert.deepEqual(await ask({ do: 'list', path: '/opt' }), { value: ['bin', 'first', 'second'] });
    assert.deepEqual(await ask({ do: 'run', command: 'greet', args: [] }), { value: 'two\n' });
    assert.deepEqual(await ask({ do: 'write', path: '/opt/first' }), { failed: 'EROFS' });
  });

  it('lets functions out to the network, and not to the machine', async () => {
    assert.deepEqual(await probe({ do: 'fetch', url: OUTSIDE }), { value: 'from outside' });
    // Its own loopback, on which nothing listens.
    assert.equal((await probe({ do: 'fetch', url: hearth.url })).failed, 'ECONNREFUSED');
  });

  it('holds nothing more when it is killed, and knows its functions when it lives again', async () => {
    const exit = once(hearth.process, 'exit');
    hearth.process.kill('SIGKILL');
    await exit;
    await eventually(() => {
      const { files: _, ...held } = holdingsOf(hearth.dataDirectory);
      for (const [kind, found] of Object.entries(held)) assert.deepEqual(found, [], kind);
    }, PATIENCE_MS);
    hearth = await Hearth.start({ settings: SETTINGS, data });
    assert.equal((await probe({ do: 'who' })).failed, undefined);
  });

  it('holds nothing more when its spawner is killed as well and it has lived again', async () => {
    const exit = once(hearth.process, 'exit');
    for (const { pid, parent } of processes()) if (parent === hearth.process.pid) process.kill(pid, 'SIGKILL');
    hearth.process.kill('SIGKILL');
    await exit;
    await eventually(() => assert.deepEqual(holdingsOf(hearth.dataDirectory).processes, []), PATIENCE_MS);
    hearth = await Hearth.start({ settings: { ...SETTINGS, instances: 0 }, data });
    assert.equal(await hearth.stop(), 0);
    for (const [kind, found] of Object.entries(holdingsOf(hearth.dataDirectory))) assert.deepEqual(found, [], kind);
    assert.ok(fs.existsSync(join(hearth.dataDirectory, 'functions.db')));
  });
});
