/** What the port promises, on the groups of the kernel itself. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Cgroup } from './index.ts';
import { lacksLimits, offered, RealGroup } from './testing/real-groups.ts';

const MB = 1024 * 1024;
const USER = 54_321;

function isFrozen({ version, directories }: Cgroup): boolean {
  return version === 1
    ? fs.readFileSync(join(directories.freezer, 'freezer.state'), 'latin1') === 'FROZEN\n'
    : fs.readFileSync(join(directories.freezer, 'cgroup.events'), 'latin1').includes('frozen 1');
}

/** The kernel may say for a moment that it is still freezing. */
async function frozen(group: Cgroup): Promise<void> {
  while (!isFrozen(group)) await fs.promises.stat(group.directories.freezer);
}

for (const version of [1, 2] as const) {
  const found = offered(version);
  const skip = 'lacks' in found ? found.lacks : false;

  describe(`a control group of version ${version}`, { skip }, () => {
    it('is made, found and removed with all below it', async () => {
      using real = new RealGroup(version);
      const { cgroup } = real;
      assert.equal(cgroup.version, version);
      real.below('a', 'deep', 'er');
      real.below('b');
      cgroup.make();
      assert.deepEqual(cgroup.children().toSorted(), ['a', 'b']);
      cgroup.remove();
      for (const directory of Object.values(cgroup.directories)) assert.equal(fs.existsSync(directory), false);
      assert.deepEqual(cgroup.children(), []);
      assert.deepEqual(cgroup.processes(), []);
      cgroup.remove();
    });

    it('is entered by its entrances, in every tree, and counts who is in it', async () => {
      using real = new RealGroup(version);
      const group = real.below('a');
      const { pid } = await real.run(group, 'cat');
      assert.deepEqual(group.processes(), [pid]);
      for (const directory of Object.values(group.directories)) {
        assert.equal(fs.readFileSync(join(directory, 'cgroup.procs'), 'latin1'), `${pid}\n`);
      }
      assert.throws(() => group.remove(), { code: 'EBUSY' });
    });

    it('stands still while it is frozen, with those below, and goes on when thawed', async () => {
      using real = new RealGroup(version);
      const inside = await real.run(real.below('a', 'deep'), 'cat');
      const outside = await real.run(real.below('b'), 'cat');
      assert.equal(await inside.echo('before'), 'before');
      const group = real.below('a');
      group.freeze();
      await frozen(group);
      let heard = false;
      const answer = inside.echo('while frozen').finally(() => (heard = true));
      for (let i = 0; i < 50; i++) await outside.echo('meanwhile');
      assert.equal(heard, false);
      group.thaw();
      assert.equal(await answer, 'while frozen');
      assert.equal(isFrozen(group), false);
    });

    it('ends all its processes when killed, frozen ones and those below too, and no others', async () => {
      using real = new RealGroup(version);
      const group = real.below('a');
      const frozenGroup = real.below('a', 'frozen');
      const processes = [
        await real.run(frozenGroup, 'cat'),
        await real.run(real.below('a', 'running'), 'cat'),
        // A signal that can be ignored would not do.
        await real.run(real.below('a', 'deaf'), 'sh', '-c', 'trap "" TERM INT HUP; cat'),
      ];
      const outside = await real.run(real.below('b'), 'cat');
      frozenGroup.freeze();
      await frozen(frozenGroup);
      group.kill();
      for (const { ended } of processes) assert.equal((await ended).signal, 'SIGKILL');
      assert.equal(await outside.echo('alive'), 'alive');
      group.kill();
    });

    it('lets a user make groups and move into them, but not lift its own limits', async () => {
      using real = new RealGroup(version);
      const group = real.below('a');
      const start = real.below('a', 'start');
      for (const each of [group, start]) each.delegate(USER, USER);
      const directories = [...new Set(Object.values(group.directories))];
      const become = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', 'sh', '-c'];
      const enter = (name: string): string => `for d; do echo 0 > "$d/${name}/cgroup.procs" || echo "not $d"; done`;
      const script = `for d; do mkdir "$d/sub"; done; ${enter('sub')}; echo in; read go; ${enter('start')}; echo out; cat`;
      const user = await real.run(start, ...become, script, 'sh', ...directories);
      assert.equal(await user.line(), 'in');
      assert.deepEqual(real.below('a', 'sub').processes(), [user.pid]);
      assert.equal(await user.echo('go'), 'out');
      assert.ok(start.processes().includes(user.pid));
      const lift = 'for f; do { echo 1 > "$f"; } 2> /dev/null && echo "lifted $f"; done; echo tried; cat';
      const own = directories.flatMap((directory) =>
        fs
          .readdirSync(directory)
          .filter((name) => /^(memory|cpu|pids|freezer)\.|^cgroup\.(freeze|kill|max)/.test(name))
          .map((name) => join(directory, name)),
      );
      assert.ok(own.length > 0);
      const lifter = await real.run(real.below('b'), ...become, lift, 'sh', ...own);
      assert.equal(await lifter.line(), 'tried');
    });

    it('can be frozen by anybody once its freezer is shared', async () => {
      using real = new RealGroup(version);
      const group = real.below('a');
      const file = join(group.directories.freezer, version === 1 ? 'freezer.state' : 'cgroup.freeze');
      assert.equal(fs.statSync(file).mode & 0o022, 0);
      group.shareFreezer();
      assert.equal(fs.statSync(file).mode & 0o777, 0o666);
    });
  });

  describe(`the limits of a control group of version ${version}`, { skip: lacksLimits(version) }, () => {
    it('end a process that wants more memory, and count it', async () => {
      using real = new RealGroup(version);
      const group = real.below('a');
      group.setMemoryLimit(32 * MB);
      assert.equal(group.outOfMemoryKills(), 0);
      // The end of a file without lines or an end is kept until it comes.
      const hungry = await real.run(group, 'tail', '/dev/zero');
      assert.equal((await hungry.ended).signal, 'SIGKILL');
      assert.equal(group.outOfMemoryKills(), 1);
      const { used, max } = group.memory();
      assert.ok(max > 24 * MB && max <= 32 * MB, `max ${max}`);
      assert.ok(used <= max);
    });

    it('are lifted again', async () => {
      using real = new RealGroup(version);
      const group = real.below('a');
      group.setMemoryLimit(4 * MB);
      group.setMemoryLimit(undefined);
      const script = 'x=$(head -c 16777216 /dev/zero | tr "\\0" x); echo ${#x}';
      const large = await real.run(group, 'sh', '-c', script);
      assert.equal(await large.line(), String(16 * MB));
      assert.equal(group.outOfMemoryKills(), 0);
    });

    it('stop a process that wants more processes', async () => {
      using real = new RealGroup(version);
      const group = real.below('a');
      group.setPidsLimit(1);
      const forker = await real.run(group, 'sh', '-c', 'echo alone; (echo forked; :)');
      assert.equal(await forker.line(), 'alone');
      assert.equal(await forker.line(), undefined);
      assert.notEqual((await forker.ended).code, 0);
      group.setPidsLimit(2);
      const another = await real.run(group, 'sh', '-c', '(echo forked; :); :');
      assert.equal(await another.line(), 'forked');
    });

    it('give a share of a processor, and not too little to be kept', async () => {
      using real = new RealGroup(version);
      const group = real.below('a');
      const quota = (): string =>
        version === 1
          ? fs.readFileSync(join(group.directories.cpu, 'cpu.cfs_quota_us'), 'latin1').trim()
          : fs.readFileSync(join(group.directories.cpu, 'cpu.max'), 'latin1').split(' ')[0]!;
      group.setCpuLimit(0.5);
      assert.equal(quota(), '10000');
      group.setCpuLimit(2);
      assert.equal(quota(), '40000');
      group.setCpuLimit(0.000_001);
      assert.equal(quota(), '1000');
      group.setCpuLimit(undefined);
      assert.equal(quota(), version === 1 ? '-1' : 'max');
    });

    it('forget the peak, or the group made anew has a new one', async () => {
      using real = new RealGroup(version);
      const group = real.below('a');
      const peaked = await real.run(
        group,
        'sh',
        '-c',
        'head -c 16777216 /dev/zero | tail -c 16777216 > /dev/null; echo over; exec cat',
      );
      assert.equal(await peaked.line(), 'over');
      assert.ok(group.memory().max > 16 * MB);
      if (version === 2) {
        assert.equal(group.resetPeak(), false);
        group.kill();
        await peaked.ended;
        while (group.processes().length > 0);
        group.remove();
        group.make();
      } else assert.equal(group.resetPeak(), true);
      assert.ok(group.memory().max < 16 * MB, JSON.stringify(group.memory()));
    });

    it('are of memory: nothing is swapped out instead', () => {
      using real = new RealGroup(version);
      const { memory } = real.below('a').directories;
      const file = version === 1 ? 'memory.swappiness' : 'memory.swap.max';
      // Version 2 has it where the kernel knows swapping at all.
      if (version === 1 || fs.existsSync(join(memory, file))) {
        assert.equal(fs.readFileSync(join(memory, file), 'latin1'), '0\n');
      }
    });
  });
}
