/** A guest's initramfs: an archive in the format of the kernel's Documentation/driver-api/early-userspace/buffer-format.rst. */
import * as fs from 'node:fs';
import { basename, join } from 'node:path';

/** What the guest's kernel needs beside what is built in. Each brings those it depends on. */
const MODULES = [
  'virtio_pci',
  'virtio_console',
  'virtio_blk',
  'virtio-rng',
  'virtiofs',
  'overlay',
  'loop',
  'veth',
  'macvlan',
  'tun',
  'nf_tables',
  'nft_chain_nat',
  'nft_masq',
  'nft_ct',
  'nft_fib_inet',
  'nft_reject_inet',
];

const DIRECTORY = 0o040755;
const EXECUTABLE = 0o100755;
const FILE = 0o100644;

/**
 * @param machine the directory that scripts/setup.sh fills: `modules/` with the kernel's, `busybox`.
 * @param command text of a POSIX shell script, read by the guest's init.
 */
export function initramfs(machine: string, command: string): Buffer {
  const archive = new Archive();
  for (const name of ['bin', 'modules', 'proc', 'sys', 'dev', 'etc']) archive.add(name, DIRECTORY);
  archive.add('bin/busybox', EXECUTABLE, fs.readFileSync(join(machine, 'busybox')));
  archive.add('init', EXECUTABLE, fs.readFileSync(join(import.meta.dirname, 'init.sh')));
  archive.add('command', FILE, Buffer.from(command));
  const order = inOrder(join(machine, 'modules'));
  for (const path of order) archive.add(`modules/${basename(path)}`, FILE, fs.readFileSync(path));
  archive.add('modules/order', FILE, Buffer.from(order.map((path) => `${basename(path)}\n`).join('')));
  return archive.end();
}

/** The modules' files, each after those that it depends on. */
function inOrder(directory: string): string[] {
  const files = new Map<string, string>();
  for (const path of fs.globSync(`${directory}/**/*.ko`)) files.set(moduleName(basename(path, '.ko')), path);
  const ordered = new Set<string>();
  const visit = (name: string): void => {
    const path = files.get(moduleName(name));
    if (path === undefined)
      throw new Error(`the guest's kernel has no module ${name}: remove ${directory}/.. and run scripts/setup.sh test`);
    if (ordered.has(path)) return;
    dependencies(path).forEach(visit);
    ordered.add(path);
  };
  MODULES.forEach(visit);
  return [...ordered];
}

function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}

/** The section `.modinfo` says it as text: `depends=a,b`. */
function dependencies(path: string): string[] {
  const list = /(?:^|\0)depends=([^\0]*)\0/.exec(fs.readFileSync(path, 'latin1'))?.[1] ?? '';
  return list.split(',').filter(Boolean);
}

class Archive {
  readonly #parts: Buffer[] = [];
  #inode = 1;

  add(name: string, mode: number, content: Buffer = Buffer.alloc(0)): void {
    const path = Buffer.from(`${name}\0`);
    // inode, mode, user, group, links, time, size, device and its own, length of the name, checksum.
    const fields = [this.#inode++, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, path.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    this.#parts.push(padded(Buffer.concat([Buffer.from(header), path])), padded(content));
  }

  end(): Buffer {
    this.add('TRAILER!!!', 0);
    return Buffer.concat(this.#parts);
  }
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
