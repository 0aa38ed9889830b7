/** Loop devices: a file as a disk. See loop(4). */
import * as fs from 'node:fs';
import { closeFd, ioctl, O_RDWR, openFd, SystemCallError } from './libc.ts';

const LOOP_CTL_GET_FREE = 0x4c82;
const LOOP_CONFIGURE = 0x4c0a;
const LO_FLAGS_AUTOCLEAR = 4;
const LO_FLAGS_DIRECT_IO = 16;
/** struct loop_config: u32 fd, u32 block_size, struct loop_info64 (232 bytes), u64[8]. */
const LOOP_CONFIG_BYTES = 304;
const LO_FLAGS_OFFSET = 8 + 52;

/**
 * Attaches a file to a free loop device. The device lets go of the file when its last user closes it, so a mounted
 * one lasts until it is unmounted, however that comes about.
 *
 * @returns the device's path and a descriptor to close once it is mounted.
 */
export function attachLoop(file: number): { device: string; fd: number } {
  const control = openFd('/dev/loop-control', O_RDWR);
  try {
    for (;;) {
      const device = `/dev/loop${ioctl(control, LOOP_CTL_GET_FREE, 0)}`;
      const fd = openFd(device, O_RDWR);
      const config = Buffer.alloc(LOOP_CONFIG_BYTES);
      config.writeUInt32LE(file, 0);
      config.writeUInt32LE(4096, 4);
      // Without the page cache of the backing file: the filesystem above has its own.
      config.writeUInt32LE(LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO, LO_FLAGS_OFFSET);
      try {
        ioctl(fd, LOOP_CONFIGURE, config);
        return { device, fd };
      } catch (error) {
        closeFd(fd);
        // Somebody else was quicker to take it.
        if (!(error instanceof SystemCallError && error.code === 'EBUSY')) throw error;
      }
    }
  } finally {
    closeFd(control);
  }
}

/** Whether this machine has loop devices. */
export function hasLoopDevices(): boolean {
  return fs.existsSync('/dev/loop-control');
}
