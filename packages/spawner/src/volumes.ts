/** `/tmp` volumes: a filesystem of its own for each slot, so that a full one answers ENOSPC. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import {
  attachLoop,
  closeFd,
  dataRanges,
  mount,
  MS_NOATIME,
  MS_NODEV,
  MS_NOSUID,
  MNT_DETACH,
  umount,
} from '@hearth/linux';

const BLOCK = 4096;

/** What is deleted goes back to the disk at once; inode tables stay unwritten until they are used. */
const OPTIONS = 'discard,noinit_itable';

/** The blocks that an empty filesystem of one size consists of; the rest of the file is a hole. */
interface Blank {
  bytes: number;
  extents: { offset: number; data: Buffer }[];
}

export interface Volumes {
  /** Mounts an empty volume at `target`, in place of one that is mounted there. */
  mount(target: string, sizeMb: number): void;
  unmount(target: string): void;
}

/**
 * A small ext4 filesystem each, in a sparse file with no name, on a loop device. Disk-backed, so that what a function writes isn't
 * its memory.
 */
export class DiskVolumes implements Volumes {
  readonly #directory: string;
  readonly #blanks = new Map<number, Blank>();

  /** @param directory where the sparse files are made; on a disk, not in memory. */
  constructor(directory: string) {
    this.#directory = directory;
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  mount(target: string, sizeMb: number): void {
    makeMountPoint(target);
    const blank = this.#blank(sizeMb);
    const path = join(this.#directory, `volume-${process.pid}`);
    const file = fs.openSync(path, 'wx+', 0o600);
    try {
      // From here on the loop device alone keeps the file: nothing is left behind when the machine stops.
      fs.unlinkSync(path);
      fs.ftruncateSync(file, blank.bytes);
      for (const { offset, data } of blank.extents) fs.writeSync(file, data, 0, data.length, offset);
      const { device, fd } = attachLoop(file);
      try {
        mount(device, target, 'ext4', MS_NOSUID | MS_NODEV | MS_NOATIME, OPTIONS);
      } finally {
        closeFd(fd);
      }
    } finally {
      fs.closeSync(file);
    }
    fs.rmdirSync(join(target, 'lost+found'));
    fs.chmodSync(target, 0o1777);
  }

  unmount(target: string): void {
    unmount(target);
  }

  #blank(sizeMb: number): Blank {
    const known = this.#blanks.get(sizeMb);
    if (known !== undefined) return known;
    const path = join(this.#directory, `blank-${sizeMb}`);
    const bytes = sizeMb * 1024 * 1024;
    // What the filesystem itself occupies comes on top, so that a function can fill what it was promised.
    const total = bytes + Math.ceil(bytes / 32 / BLOCK) * BLOCK + 2 * 1024 * 1024;
    fs.writeFileSync(path, '');
    try {
      fs.truncateSync(path, total);
      const inodes = Math.max(4096, sizeMb * 32);
      const features = '^has_journal,^resize_inode,uninit_bg,^metadata_csum';
      const options = ['-q', '-F', '-m', '0', '-b', String(BLOCK), '-I', '256', '-N', String(inodes)];
      execFileSync('mkfs.ext4', [...options, '-O', features, '-E', 'lazy_itable_init=1,nodiscard', path], {
        env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const blank = { bytes: total, extents: writtenExtents(path) };
      this.#blanks.set(sizeMb, blank);
      return blank;
    } finally {
      fs.unlinkSync(path);
    }
  }
}

/**
 * In memory, for a spawner that may mount no disk. What a function writes counts as its memory, and ends it where that is less than the
 * volume's size.
 */
export class MemoryVolumes implements Volumes {
  mount(target: string, sizeMb: number): void {
    makeMountPoint(target);
    mount('hearth', target, 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOATIME, `size=${sizeMb}m,mode=1777`);
  }

  unmount(target: string): void {
    unmount(target);
  }
}

function makeMountPoint(target: string): void {
  if (fs.existsSync(target)) unmount(target);
  fs.mkdirSync(target, { recursive: true });
}

function unmount(target: string): void {
  try {
    umount(target, MNT_DETACH);
  } catch {
    // EINVAL: nothing is mounted there.
  }
}

function writtenExtents(path: string): { offset: number; data: Buffer }[] {
  const file = fs.openSync(path, 'r');
  try {
    return dataRanges(file).map(([start, end]) => {
      const data = Buffer.alloc(end - start);
      fs.readSync(file, data, 0, data.length, start);
      return { offset: start, data };
    });
  } finally {
    fs.closeSync(file);
  }
}
