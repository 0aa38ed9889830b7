/** A synthetic `/etc`: users, hosts, resolver, certificates and time zone. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { bindMount, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY } from '@hearth/linux';

/** The first sandbox's user; each slot has its own. */
const FIRST_SANDBOX_UID = 1000;
/** More than an instance has slots: a process whose user has no entry gets an error from `os.homedir()`. */
const SANDBOX_USERS = 4096;

/** Where systemd-resolved keeps the real servers when `/etc/resolv.conf` names only itself, on loopback. */
const UPSTREAM_RESOLVER = '/run/systemd/resolve/resolv.conf';

/** Where distributions keep the certificates that programs trust; links in there lead into `/usr`. */
const CERTIFICATES = ['ssl/certs', 'pki/tls/certs', 'pki/ca-trust/extracted', 'ca-certificates/extracted'];
const READ_ONLY = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

export function writeEtc(directory: string): void {
  const write = (name: string, text: string): void => fs.writeFileSync(join(directory, name), text);
  const ids = Array.from({ length: SANDBOX_USERS }, (_, slot) => FIRST_SANDBOX_UID + slot);
  const users = ids.map((id) => `sbx_user${id}:x:${id}:${id}::/tmp:/sbin/nologin\n`).join('');
  const groups = ids.map((id) => `sbx_user${id}:x:${id}:\n`).join('');
  write('passwd', `root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n${users}`);
  write('group', `root:x:0:\nnogroup:x:65534:\n${groups}`);
  write('hosts', '127.0.0.1 localhost\n::1 localhost\n');
  write('nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n');
  write('resolv.conf', resolver());
  for (const name of CERTIFICATES) {
    if (!fs.existsSync(join('/etc', name))) continue;
    fs.mkdirSync(join(directory, name), { recursive: true });
    bindMount(join('/etc', name), join(directory, name), READ_ONLY);
  }
  if (fs.existsSync('/etc/localtime')) fs.copyFileSync('/etc/localtime', join(directory, 'localtime'));
}

function resolver(): string {
  const text = readIfThere('/etc/resolv.conf');
  const usable = (line: string): boolean => !/^nameserver\s+(127\.|::1)/.test(line);
  if (text.split('\n').some((line) => line.startsWith('nameserver') && usable(line))) {
    return text.split('\n').filter(usable).join('\n');
  }
  return readIfThere(UPSTREAM_RESOLVER);
}

function readIfThere(path: string): string {
  return fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : '';
}
