/** Which files are read and written, on plain files in the place of the kernel's: what this machine lacks can be tried. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Cgroup, cgroupAt, CONTROLLERS, machineCgroup } from './index.ts';

class Files implements Disposable {
  readonly directory = fs.mkdtempSync(join(tmpdir(), 'hearth-cgroup-'));

  write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      fs.mkdirSync(join(this.directory, path, '..'), { recursive: true });
      fs.writeFileSync(join(this.directory, path), text);
    }
  }

  read(path: string): string {
    return fs.readFileSync(join(this.directory, path), 'latin1');
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.directory, { recursive: true });
  }
}

describe('a control group of version 2', () => {
  it('writes limits in the words of the kernel', () => {
    using files = new Files();
    const group = cgroupAt(2, files.directory);
    group.setMemoryLimit(128 * 1024 * 1024);
    assert.equal(files.read('memory.max'), '134217728');
    group.setMemoryLimit(undefined);
    assert.equal(files.read('memory.max'), 'max');
    group.setCpuLimit(0.5);
    assert.equal(files.read('cpu.max'), '10000 20000');
    group.setCpuLimit(0.000_001);
    assert.equal(files.read('cpu.max'), '1000 20000');
    group.setCpuLimit(undefined);
    assert.equal(files.read('cpu.max'), 'max 20000');
    group.setPidsLimit(100);
    assert.equal(files.read('pids.max'), '100');
  });

  it('reads memory, with the peak where the kernel keeps one', () => {
    using files = new Files();
    const group = cgroupAt(2, files.directory);
    files.write({ 'memory.current': '4096\n' });
    assert.deepEqual(group.memory(), { used: 4096, max: 4096 });
    files.write({ 'memory.peak': '8192\n' });
    assert.deepEqual(group.memory(), { used: 4096, max: 8192 });
  });

  it('counts those killed for want of memory, not the groups that were', () => {
    using files = new Files();
    const group = cgroupAt(2, files.directory);
    files.write({ 'memory.events': 'low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\n' });
    assert.equal(group.outOfMemoryKills(), 4);
    files.write({ 'memory.events': 'low 0\n' });
    assert.equal(group.outOfMemoryKills(), 0);
  });

  it('hands down what a group below needs and does not have yet', () => {
    using files = new Files();
    const group = cgroupAt(2, files.directory);
    files.write({ 'cgroup.subtree_control': '\n' });
    assert.deepEqual(Object.values(group.child('a').directories), Array(4).fill(join(files.directory, 'a')));
    assert.equal(files.read('cgroup.subtree_control'), '+memory +cpu +pids');
    files.write({ 'cgroup.subtree_control': 'cpuset cpu io\n' });
    group.child('a');
    assert.equal(files.read('cgroup.subtree_control'), '+memory +pids');
    files.write({ 'cgroup.subtree_control': 'cpu memory pids\n' });
    group.child('a');
    assert.equal(files.read('cgroup.subtree_control'), 'cpu memory pids\n');
  });
});

describe('the group to make groups in', () => {
  const V1 = Object.fromEntries(CONTROLLERS.map((name) => [`${name}/cgroup.procs`, '']));
  const V2 = (directory: string, procs = '', controllers = 'cpuset cpu io memory pids\n'): Record<string, string> => ({
    [`${directory}/cgroup.controllers`]: controllers,
    [`${directory}/cgroup.procs`]: procs,
    [`${directory}/cgroup.subtree_control`]: '\n',
  });
  const find = (files: Files, own = '/'): Cgroup => {
    files.write({ self: `3:memory:/elsewhere\n0::${own}\n` });
    return machineCgroup({ root: files.directory, self: join(files.directory, 'self') });
  };

  it("is the machine's root of version 2 where that has the controllers", () => {
    using files = new Files();
    files.write({ ...V1, ...V2('.', '1\n2\n'), ...V2('user/session') });
    const group = find(files, '/user/session');
    assert.equal(group.version, 2);
    assert.equal(group.directories.memory, files.directory);
    assert.deepEqual(group.children().includes('hearth-self'), false);
  });

  it("is a container's own group, whose processes are moved into a leaf", () => {
    using files = new Files();
    files.write(V2('.'));
    files.write({ 'cgroup.type': 'domain\n', 'cgroup.procs': '4194305\n' });
    // Plain files keep what is in them: a kernel's list would be empty once they have moved.
    assert.throws(() => find(files), /processes in .* can't be moved to .*hearth-self/);
    assert.equal(files.read('hearth-self/cgroup.procs'), '4194305');
    files.write({ 'cgroup.procs': '' });
    assert.equal(find(files).directories.memory, files.directory);
  });

  it('is the own one where the root is closed to this user, and the same again after its processes have moved', () => {
    using files = new Files();
    files.write({ ...V2('.'), ...V2('user/session'), 'user/session/cgroup.type': 'domain\n' });
    // Closed to root as well.
    fs.rmSync(join(files.directory, 'cgroup.subtree_control'));
    for (const own of ['/user/session', '/user/session/hearth-self']) {
      assert.equal(find(files, own).directories.memory, join(files.directory, 'user/session'));
    }
  });

  it('is none where the user may write nowhere, or not all controllers were handed over', () => {
    using files = new Files();
    files.write({ ...V2('.'), ...V2('user/session', '', 'memory pids\n'), 'user/session/cgroup.type': 'domain\n' });
    fs.rmSync(join(files.directory, 'cgroup.subtree_control'));
    assert.throws(() => find(files, '/user/session'), /user\/session was not handed cpu: run `hearth doctor`/);
    fs.rmSync(join(files.directory, 'user/session/cgroup.procs'));
    assert.throws(
      () => find(files, '/user/session'),
      /this user may make no control groups in \S+ or \S+user\/session: run `hearth doctor`/,
    );
  });

  it('is of version 1 where version 2 has no controllers', () => {
    using files = new Files();
    files.write({ ...V1, 'cgroup.controllers': 'hugetlb\n' });
    const group = find(files);
    assert.equal(group.version, 1);
    for (const name of CONTROLLERS) assert.equal(group.directories[name], join(files.directory, name));
  });

  it('is none where a controller of version 1 is missing, which is named with the cure', () => {
    using files = new Files();
    files.write(V1);
    for (const name of ['cpu', 'freezer']) fs.rmSync(join(files.directory, name), { recursive: true });
    assert.throws(() => find(files), /no control groups for cpu, freezer under .*hearth doctor/);
  });
});
