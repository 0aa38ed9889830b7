import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Cgroup, machineCgroup } from '@hearth/linux';
import { removeDirectory, removeLeftovers } from './leftovers.ts';
import { endProcesses } from './processes.ts';

function lacks(): string | false {
  if (process.getuid?.() !== 0) return 'only root may make control groups';
  try {
    machineCgroup();
    return false;
  } catch (error) {
    return String(error);
  }
}

/** What a former life left: groups with processes, one of them frozen, and files. */
class FormerLife implements AsyncDisposable {
  readonly cgroup = machineCgroup().child(`hearth-test-${process.pid}`);
  readonly directory = fs.mkdtempSync(join(tmpdir(), 'hearth-leftovers-'));
  readonly #started: { child: ChildProcess; group: Cgroup }[] = [];

  constructor() {
    this.cgroup.make();
  }

  async start(group: Cgroup): Promise<ChildProcess> {
    group.make();
    const enter = 'for file; do echo 0 > "$file"; done; echo in; exec sleep 600';
    const child = spawn('sh', ['-c', enter, 'sh', ...group.entrances()], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#started.push({ child, group });
    await once(child.stdout, 'data');
    return child;
  }

  /** Not by what is tested here, as far as processes go. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child, group } of this.#started) {
      if (fs.existsSync(group.directories.freezer)) group.thaw();
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    this.cgroup.remove();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

describe('leftovers', { skip: lacks() }, () => {
  it('are ended and removed, however deep and frozen they are', async () => {
    await using life = new FormerLife();
    const instance = life.cgroup.child('instance');
    instance.make();
    const slot = instance.child('slot');
    const ends = [
      await life.start(instance.child('agent')),
      await life.start(slot),
      await life.start(life.cgroup.child('other')),
    ].map((child) => once(child, 'exit'));
    slot.freeze();
    fs.mkdirSync(join(life.directory, 'instance', 'disk'), { recursive: true });
    fs.writeFileSync(join(life.directory, 'instance', 'disk', 'file'), '');
    await removeLeftovers(life.cgroup, life.directory);
    for (const end of ends) assert.deepEqual(await end, [null, 'SIGKILL']);
    for (const path of [...Object.values(life.cgroup.directories), life.directory]) {
      assert.equal(fs.existsSync(path), false, path);
    }
  });

  it('may be none at all', async () => {
    await using life = new FormerLife();
    await removeLeftovers(life.cgroup, life.directory);
    await removeLeftovers(life.cgroup, life.directory);
  });

  it('are not others: what runs in a neighbouring group goes on', async () => {
    await using life = new FormerLife();
    const ours = await life.start(life.cgroup.child('ours'));
    const other = await life.start(life.cgroup.child('other'));
    const exit = once(ours, 'exit');
    await endProcesses(life.cgroup.child('ours'));
    await exit;
    assert.deepEqual(life.cgroup.child('other').processes(), [other.pid]);
  });
});

it('a directory that is not there is removed already', () => {
  removeDirectory(join(tmpdir(), `hearth-not-there-${process.pid}`));
});
