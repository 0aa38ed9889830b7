/** Which files are read and written, on plain files in the place of the kernel's: what this machine lacks can be tried. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cgroupAt, CONTROLLERS, machineCgroup } from './index.ts';

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

describe("the machine's root group", () => {
  const V1 = Object.fromEntries(CONTROLLERS.map((name) => [`${name}/cgroup.procs`, '']));

  it('is of version 2 where that has the controllers', () => {
    using files = new Files();
    files.write({ ...V1, 'cgroup.controllers': 'cpuset cpu io memory pids\n' });
    assert.equal(machineCgroup(files.directory).version, 2);
  });

  it('is of version 1 where version 2 has none', () => {
    using files = new Files();
    files.write({ ...V1, 'cgroup.controllers': 'hugetlb\n' });
    const group = machineCgroup(files.directory);
    assert.equal(group.version, 1);
    for (const name of CONTROLLERS) assert.equal(group.directories[name], join(files.directory, name));
  });

  it('is none where a controller is missing, which is named with the cure', () => {
    using files = new Files();
    files.write(V1);
    for (const name of ['cpu', 'freezer']) fs.rmSync(join(files.directory, name), { recursive: true });
    assert.throws(() => machineCgroup(files.directory), /no control groups for cpu, freezer under .*hearth doctor/);
  });
});
