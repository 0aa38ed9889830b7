import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { CLONE_NEWNS, hasLoopDevices, MS_PRIVATE, setPropagation, unshare } from '@hearth/linux';
import { DiskVolumes, MemoryVolumes, type Volumes } from './volumes.ts';

const MB = 1024 * 1024;

function lacks(): string | false {
  if (process.getuid?.() !== 0) return 'only root may mount';
  if (!hasLoopDevices()) return 'no loop devices';
  return false;
}

class Place implements Disposable {
  readonly directory = fs.mkdtempSync(join(tmpdir(), 'hearth-volumes-'));
  readonly files = join(this.directory, 'files');
  readonly volumes: Volumes;
  readonly target = join(this.directory, 'tmp');

  constructor(kind: 'ext4' | 'tmpfs' = 'ext4') {
    this.volumes = kind === 'ext4' ? new DiskVolumes(this.files) : new MemoryVolumes();
  }

  fill(name: string, megabytes: number): void {
    const file = fs.openSync(join(this.target, name), 'w');
    try {
      const piece = Buffer.alloc(MB, 'x');
      for (let i = 0; i < megabytes; i++) assert.equal(fs.writeSync(file, piece), MB);
    } finally {
      fs.closeSync(file);
    }
  }

  [Symbol.dispose](): void {
    this.volumes.unmount(this.target);
    fs.rmSync(this.directory, { recursive: true });
  }
}

describe('a volume', { skip: lacks() }, () => {
  before(() => {
    // Of this thread alone, so that what is mounted goes with the process, however it ends. All that follows is
    // synchronous: libuv's threads stay where they are.
    unshare(CLONE_NEWNS);
    setPropagation(MS_PRIVATE);
  });

  for (const kind of ['ext4', 'tmpfs'] as const) {
    it(`of ${kind} is an empty filesystem in which everybody may write, and nobody run as another`, () => {
      using place = new Place(kind);
      place.volumes.mount(place.target, 16);
      assert.deepEqual(fs.readdirSync(place.target), []);
      assert.equal(fs.statSync(place.target).mode & 0o7777, 0o1777);
      const line = fs
        .readFileSync('/proc/thread-self/mounts', 'latin1')
        .split('\n')
        .find((one) => one.includes(place.target));
      assert.match(line!, new RegExp(` ${kind} rw,nosuid,nodev,noatime`));
    });

    it(`of ${kind} holds what was promised, then answers that it is full`, () => {
      using place = new Place(kind);
      place.volumes.mount(place.target, 16);
      place.fill('all', 16);
      assert.throws(() => place.fill('more', 4), { code: 'ENOSPC' });
      assert.equal(fs.statSync(join(place.target, 'all')).size, 16 * MB);
    });

    it(`of ${kind} is replaced by an empty one where one is mounted already`, () => {
      using place = new Place(kind);
      place.volumes.mount(place.target, 16);
      fs.writeFileSync(join(place.target, 'secret'), 'of the last sandbox');
      place.volumes.mount(place.target, 32);
      assert.deepEqual(fs.readdirSync(place.target), []);
      place.fill('more', 32);
      place.volumes.unmount(place.target);
      assert.deepEqual(fs.readdirSync(place.target), []);
      place.volumes.unmount(place.target);
    });
  }

  it('leaves no file and no device behind, and takes no more of the disk than is written', () => {
    using place = new Place();
    const devices = (): string[] =>
      fs.readdirSync('/sys/block').filter((name) => backingFile(name).startsWith(place.files));
    const free = (): number => fs.statfsSync(place.directory).bavail * fs.statfsSync(place.directory).bsize;
    const atFirst = free();
    place.volumes.mount(place.target, 512);
    assert.deepEqual(fs.readdirSync(place.files), []);
    assert.equal(devices().length, 1);
    assert.ok(atFirst - free() < 256 * MB);
    place.volumes.unmount(place.target);
    assert.deepEqual(devices(), []);
  });

  it('leaves no file behind where it can not be made', () => {
    using place = new Place();
    assert.throws(() => place.volumes.mount(place.target, 0.001));
    assert.deepEqual(fs.readdirSync(place.files), []);
  });
});

/** Empty where a device has none; those of others come and go meanwhile. */
function backingFile(device: string): string {
  try {
    return fs.readFileSync(`/sys/block/${device}/loop/backing_file`, 'latin1');
  } catch {
    return '';
  }
}
