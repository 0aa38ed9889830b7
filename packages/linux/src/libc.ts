/**
 * Linux system calls as typed functions, through libc where it has them, else through `syscall(2)`.
 *
 * Each throws a {@link SystemCallError} that names the call and what it was about. Loading this module starts no
 * thread and opens no descriptor that stays, so a zygote may load it before it forks.
 */
import { constants } from 'node:fs';
import koffi from 'koffi';
import { architecture } from './architecture.ts';

const libc = koffi.load('libc.so.6');

/** A system call that failed. */
export class SystemCallError extends Error {
  override name = 'SystemCallError';
  readonly code: string;

  /** @param about what the call was about: a path, an address. */
  constructor(call: string, errno: number, about = '') {
    const code = errnoName(errno);
    super(`${call}${about === '' ? '' : ` ${about}`}: ${code}`);
    this.code = code;
  }
}

const ERRNO_NAMES = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));

function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}

function check(result: number, call: string, about?: string): number {
  if (result < 0) throw new SystemCallError(call, koffi.errno(), about);
  return result;
}

export const CLONE_NEWNS = 0x0002_0000;
export const CLONE_FS = 0x0000_0200;
export const CLONE_NEWCGROUP = 0x0200_0000;
export const CLONE_NEWUTS = 0x0400_0000;
export const CLONE_NEWIPC = 0x0800_0000;
export const CLONE_NEWUSER = 0x1000_0000;
export const CLONE_NEWPID = 0x2000_0000;
export const CLONE_NEWNET = 0x4000_0000;

export const MS_RDONLY = 0x1;
export const MS_NOSUID = 0x2;
export const MS_NODEV = 0x4;
export const MS_NOEXEC = 0x8;
export const MS_REMOUNT = 0x20;
export const MS_NOATIME = 0x400;
export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;
export const MS_PRIVATE = 0x4_0000;
export const MS_SLAVE = 0x8_0000;
export const MS_SHARED = 0x10_0000;

export const MNT_DETACH = 2;

const LOCK_EX = 2;
const LOCK_NB = 4;

const forkCall = libc.func('int fork()');
const exitCall = libc.func('void _exit(int)');
const dlsymCall = libc.func('void* dlsym(void*, const char*)');
const signalCall = libc.func('intptr_t signal(int, void*)');
const unshareCall = libc.func('int unshare(int)');
const setnsCall = libc.func('int setns(int, int)');
const mountCall = libc.func('int mount(const char*, const char*, const char*, ulong, const char*)');
const umountCall = libc.func('int umount2(const char*, int)');
const prctlCall = libc.func('int prctl(int, ulong, ulong, ulong, ulong)');
const prctlPointer = libc.func('int prctl(int, ulong, void*, ulong, ulong)');
const syscall4 = libc.func('long syscall(long, long, const char*, int)');
const syscall6 = libc.func('long syscall(long, int, const char*, int, const char*, uint)');
const mountSetattrCall = libc.func('long syscall(long, int, const char*, uint, void*, ulong)');
const pivotRootCall = libc.func('long syscall(long, const char*, const char*)');
const closeRangeCall = libc.func('long syscall(long, uint, uint, uint)');
const capsetCall = libc.func('int capset(void*, void*)');
const openCall = libc.func('int open(const char*, int, int)');
const openatCall = libc.func('int openat(int, const char*, int, int)');
const closeCall = libc.func('int close(int)');
const readCall = libc.func('long read(int, void*, ulong)');
const recvCall = libc.func('long recv(int, void*, ulong, int)');
const writeCall = libc.func('long write(int, const void*, ulong)');
const pollCall = libc.func('int poll(void*, ulong, int)');
const flockCall = libc.func('int flock(int, int)');
const fchdirCall = libc.func('int fchdir(int)');
const chrootCall = libc.func('int chroot(const char*)');
const chdirCall = libc.func('int chdir(const char*)');
const socketCall = libc.func('int socket(int, int, int)');
const connectCall = libc.func('int connect(int, const void*, uint)');
const bindCall = libc.func('int bind(int, const void*, uint)');
const listenCall = libc.func('int listen(int, int)');
const dup2Call = libc.func('int dup2(int, int)');
const setsidCall = libc.func('int setsid()');
const setgroupsCall = libc.func('int setgroups(ulong, void*)');
const setresuidCall = libc.func('int setresuid(uint, uint, uint)');
const setresgidCall = libc.func('int setresgid(uint, uint, uint)');
const setrlimitCall = libc.func('int setrlimit(int, void*)');
const sethostnameCall = libc.func('int sethostname(const char*, ulong)');
const waitpidCall = libc.func('int waitpid(int, void*, int)');
const pidfdOpenCall = libc.func('long syscall(long, int, uint)');
const epollCreateCall = libc.func('int epoll_create1(int)');
const epollCtlCall = libc.func('int epoll_ctl(int, int, int, void*)');
const mallocCall = libc.func('uintptr_t malloc(size_t)') as (bytes: number) => number;
const freeCall = libc.func('void free(uintptr_t)');
const sbrkCall = libc.func('intptr_t sbrk(intptr_t)') as (bytes: number) => number;
const mallocTrimCall = libc.func('int malloc_trim(ulong)');
const lseekCall = libc.func('long lseek(int, long, int)');
const execveCall = libc.func('int execve(const char*, const char**, const char**)');
const fcntlCall = libc.func('int fcntl(int, int, int)');
const getxattrCall = libc.func('long getxattr(const char*, const char*, void*, ulong)');
const ioctlNumber = libc.func('int ioctl(int, ulong, long)');
const ioctlPointer = libc.func('int ioctl(int, ulong, void*)');

/** fork(2). Only for a process that was prepared for it: see the agent's zygote room. @returns 0 in the child. */
export function fork(): number {
  return check(forkCall(), 'fork');
}

/**
 * execve(2). Doesn't return.
 *
 * @param keep descriptors that the new program gets; Node marks all that it inherits close-on-exec when it starts.
 */
export function execve(
  path: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  keep: readonly number[],
): never {
  // Others may have come from whoever started us, shells among them.
  const CLOSE_RANGE_CLOEXEC = 4;
  closeRange(3, CLOSE_RANGE_CLOEXEC);
  for (const fd of keep) setCloseOnExec(fd, false);
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  execveCall(path, [...argv, null], [...variables, null]);
  throw new SystemCallError('execve', koffi.errno(), path);
}

/** _exit(2): ends the process at once, with no handlers run. */
export function exitNow(code: number): never {
  exitCall(code);
  throw new Error('unreachable');
}

/**
 * Has a signal run `_exit(2)`, which takes the signal's number for a status. That also ends the first process of a pid namespace,
 * whom the kernel spares signals without a handler (pid_namespaces(7)). Forks inherit it; an exec ends it.
 */
export function exitOnSignal(signal: number): void {
  check(signalCall(signal, dlsymCall(null, '_exit')) as number, 'signal');
}

export function unshare(flags: number): void {
  check(unshareCall(flags), 'unshare');
}

/** setns(2) with a namespace's descriptor. */
export function setns(fd: number, kind: number): void {
  check(setnsCall(fd, kind), 'setns');
}

export function mount(source: string | null, target: string, type: string | null, flags: number, data?: string): void {
  check(mountCall(source, target, type, flags, data ?? null), 'mount', `${source} on ${target}`);
}

export function umount(target: string, flags = 0): void {
  check(umountCall(target, flags), 'umount2', target);
}

/**
 * Makes `root`, a mount point, the root of this mount namespace, for good; what was there before is gone. pivot_root(2)
 * with the trick of its manual page: the old root is stacked on the new one, then detached.
 *
 * Works for a process in a chroot as well, whose root is no mount point, and which may not make user namespaces:
 * entering one's own mount namespace leads out of it, see setns(2).
 */
export function pivotInto(root: string): void {
  const directory = openDirectory(root);
  const namespace = openFd('/proc/self/ns/mnt', O_RDONLY);
  // setns(2) wants a root and a working directory that no other thread shares.
  unshare(CLONE_FS);
  setns(namespace, CLONE_NEWNS);
  fchdir(directory);
  check(pivotRootCall(architecture.syscalls['pivot_root'], '.', '.'), 'pivot_root', root);
  umount('.', MNT_DETACH);
  chdir('/');
  closeFd(namespace);
  closeFd(directory);
}

/**
 * Sets how mounts of this thread's whole mount namespace propagate, with {@link MS_PRIVATE} or {@link MS_SLAVE}, also
 * from within a chroot, where the namespace's root has no path.
 */
export function setPropagation(kind: number): void {
  const root = openDirectory('/');
  const namespace = openFd('/proc/self/ns/mnt', O_RDONLY);
  unshare(CLONE_FS);
  setns(namespace, CLONE_NEWNS);
  mount(null, '/', null, kind | MS_REC);
  fchdir(root);
  check(chrootCall('.'), 'chroot');
  closeFd(namespace);
  closeFd(root);
}

const AT_FDCWD = -100;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const AT_RECURSIVE = 0x8000;
const AT_EMPTY_PATH = 0x1000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;

/** Attributes of a mount, see mount_setattr(2). */
export const MOUNT_ATTR_RDONLY = 1;
export const MOUNT_ATTR_NOSUID = 2;
export const MOUNT_ATTR_NODEV = 4;

/** A detached copy of the mount at `path` with what is mounted below it. @returns a descriptor, the caller closes it. */
export function cloneMount(path: string, recursive = true): number {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  return check(Number(syscall4(architecture.syscalls['open_tree'], AT_FDCWD, path, flags)), 'open_tree', path);
}

/** Sets attributes on a detached mount and all below it. */
export function setMountAttributes(fd: number, attributes: number): void {
  const attr = Buffer.alloc(32);
  attr.writeBigUInt64LE(BigInt(attributes), 0);
  const number = architecture.syscalls['mount_setattr'];
  check(Number(mountSetattrCall(number, fd, '', AT_EMPTY_PATH | AT_RECURSIVE, attr, 32)), 'mount_setattr');
}

/** Attaches a detached mount at `path` in this thread's mount namespace. */
export function attachMount(fd: number, path: string): void {
  const number = architecture.syscalls['move_mount'];
  check(Number(syscall6(number, fd, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)), 'move_mount', path);
}

/** Bind-mounts `source` (with its submounts) on `target` with attributes, as one step. */
export function bindMount(source: string, target: string, attributes = 0): void {
  const fd = cloneMount(source);
  try {
    if (attributes !== 0) setMountAttributes(fd, attributes);
    attachMount(fd, target);
  } finally {
    closeFd(fd);
  }
}

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

export function openFd(path: string, flags: number): number {
  return check(openCall(path, flags | O_CLOEXEC, 0), 'open', path);
}

/** A descriptor of a directory, for `*at` calls after the path itself is out of reach. */
export function openDirectory(path: string): number {
  return check(openCall(path, O_PATH | constants.O_DIRECTORY | O_CLOEXEC, 0), 'open', path);
}

export function openAt(directory: number, path: string, flags: number): number {
  return check(openatCall(directory, path, flags | O_CLOEXEC, 0), 'openat', path);
}

export function closeFd(fd: number): void {
  check(closeCall(fd), 'close');
}

const LAST_FD = 0x7fff_ffff;

/** close_range(2): everything from `first` on. */
export function closeFrom(first: number): void {
  closeRange(first, 0);
}

function closeRange(first: number, flags: number): void {
  check(Number(closeRangeCall(architecture.syscalls['close_range'], first, LAST_FD, flags)), 'close_range');
}

/** Blocking read(2). @returns bytes read, 0 at the end. */
export function readFd(fd: number, into: Buffer): number {
  return check(Number(readCall(fd, into, into.length)), 'read');
}

/** What a socket holds, without taking it off. @returns the bytes seen; 0 at its end. */
export function peekFd(socket: number, into: Buffer): number {
  const MSG_PEEK = 2;
  return check(Number(recvCall(socket, into, into.length, MSG_PEEK)), 'recv');
}

/** write(2) until everything is written. */
export function writeFd(fd: number, data: Buffer): void {
  let rest = data;
  while (rest.length > 0) {
    const written = check(Number(writeCall(fd, rest, rest.length)), 'write');
    rest = rest.subarray(written);
  }
}

/** The ranges of a file that aren't holes: `[start, end)` in bytes. See lseek(2), SEEK_DATA. */
export function dataRanges(fd: number): [number, number][] {
  const SEEK_DATA = 3;
  const SEEK_HOLE = 4;
  const ENXIO = koffi.os.errno['ENXIO'];
  const ranges: [number, number][] = [];
  for (let position = 0; ;) {
    const start = Number(lseekCall(fd, position, SEEK_DATA));
    if (start < 0 && koffi.errno() === ENXIO) return ranges;
    const end = check(Number(lseekCall(fd, check(start, 'lseek'), SEEK_HOLE)), 'lseek');
    ranges.push([start, end]);
    position = end;
  }
}

/** Waits until one of the descriptors can be read. @returns for each, whether it can. */
export function pollReadable(fds: readonly number[]): boolean[] {
  const POLLIN = 1;
  const set = Buffer.alloc(8 * fds.length);
  for (const [i, fd] of fds.entries()) {
    set.writeInt32LE(fd, i * 8);
    set.writeInt16LE(POLLIN, i * 8 + 4);
  }
  while (pollCall(set, fds.length, -1) < 0) {
    // A signal's handler has run meanwhile.
    if (koffi.errno() !== koffi.os.errno['EINTR']) throw new SystemCallError('poll', koffi.errno());
  }
  return fds.map((_, i) => set.readInt16LE(i * 8 + 6) !== 0);
}

export function fchdir(fd: number): void {
  check(fchdirCall(fd), 'fchdir');
}

export function chdir(path: string): void {
  check(chdirCall(path), 'chdir', path);
}

const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;

/**
 * A blocking connection to a Unix socket. @param path may be relative, at most 107 bytes.
 * @returns the descriptor.
 */
export function connectUnix(path: string): number {
  const fd = check(socketCall(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket');
  const address = Buffer.alloc(110);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(path, 2);
  if (connectCall(fd, address, address.length) < 0) {
    const errno = koffi.errno();
    closeFd(fd);
    throw new SystemCallError('connect', errno, path);
  }
  return fd;
}

/** A TCP socket listening on an IPv4 address of this thread's network namespace. @returns the descriptor. */
export function listenTcp(host: string, port: number): number {
  const fd = check(socketCall(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket');
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  for (const [i, byte] of host.split('.').entries()) address.writeUInt8(Number(byte), 4 + i);
  if (bindCall(fd, address, address.length) < 0 || listenCall(fd, 128) < 0) {
    const errno = koffi.errno();
    closeFd(fd);
    throw new SystemCallError('bind', errno, `${host}:${port}`);
  }
  return fd;
}

export function dup2(from: number, to: number): void {
  check(dup2Call(from, to), 'dup2');
}

/** Whether a descriptor survives execve(2). */
function setCloseOnExec(fd: number, closeOnExec: boolean): void {
  const F_SETFD = 2;
  check(fcntlCall(fd, F_SETFD, closeOnExec ? 1 : 0), 'fcntl');
}

/**
 * Locks an open file against everybody else's lock, until the last descriptor of this opening is closed: the kernel sees to that
 * however the process ends.
 *
 * @returns false where somebody else has locked it.
 */
export function lockFile(fd: number): boolean {
  try {
    check(flockCall(fd, LOCK_EX | LOCK_NB), 'flock');
    return true;
  } catch (error) {
    // Two names of one number.
    if (['EAGAIN', 'EWOULDBLOCK'].includes((error as SystemCallError).code)) return false;
    throw error;
  }
}

export function setsid(): void {
  check(setsidCall(), 'setsid');
}

/** Becomes this user and group for good, with no supplementary groups. */
export function becomeUser(uid: number, gid: number): void {
  check(setgroupsCall(0, null), 'setgroups');
  check(setresgidCall(gid, gid, gid), 'setresgid');
  check(setresuidCall(uid, uid, uid), 'setresuid');
}

/** Two numbers of 64 bits; those used here fit into 32. */
const rlimit = Buffer.alloc(16);
const RLIMITS = { core: 4, nofile: 7, fsize: 1, memlock: 8 } as const;

export function setLimit(name: keyof typeof RLIMITS, soft: number, hard = soft): void {
  rlimit.writeUInt32LE(soft, 0);
  rlimit.writeUInt32LE(hard, 8);
  check(setrlimitCall(RLIMITS[name], rlimit), 'setrlimit', name);
}

export function setHostname(name: string): void {
  check(sethostnameCall(name, Buffer.byteLength(name)), 'sethostname');
}

/** How a child ended. `signal` is a number. */
export interface WaitResult {
  pid: number;
  code: number | null;
  signal: number | null;
}

/** waitpid(2) for any child, without waiting. @returns undefined when none has ended. */
export function reap(): WaitResult | undefined {
  const WNOHANG = 1;
  const ECHILD = koffi.os.errno['ECHILD'];
  const status = Buffer.alloc(4);
  const pid = waitpidCall(-1, status, WNOHANG);
  if (pid < 0 && koffi.errno() === ECHILD) return undefined;
  if (check(pid, 'waitpid') === 0) return undefined;
  const value = status.readInt32LE(0);
  const signal = value & 0x7f;
  return signal === 0 ? { pid, code: (value >> 8) & 0xff, signal: null } : { pid, code: null, signal };
}

/** A descriptor of a process, readable once it has ended. @param minimum the least number that the descriptor gets. */
export function openPidfd(pid: number, minimum: number): number {
  const F_DUPFD_CLOEXEC = 1030;
  const fd = check(Number(pidfdOpenCall(architecture.syscalls['pidfd_open'], pid, 0)), 'pidfd_open', String(pid));
  try {
    return check(fcntlCall(fd, F_DUPFD_CLOEXEC, minimum), 'fcntl');
  } finally {
    closeFd(fd);
  }
}

/** epoll_create1(2). @returns a descriptor that is readable while one of those added to it is. */
export function createEpoll(): number {
  return check(epollCreateCall(O_CLOEXEC), 'epoll_create1');
}

/** Has an epoll descriptor be readable while `fd` is. */
export function addToEpoll(epoll: number, fd: number): void {
  const EPOLL_CTL_ADD = 1;
  const EPOLLIN = 1;
  // What follows the events is never asked back; where it lies differs between architectures.
  const event = Buffer.alloc(16);
  event.writeUInt32LE(EPOLLIN, 0);
  check(epollCtlCall(epoll, EPOLL_CTL_ADD, fd, event), 'epoll_ctl');
}

/** Undoes {@link addToEpoll}. Closing `fd` is not enough where another process has a copy of it. */
export function removeFromEpoll(epoll: number, fd: number): void {
  const EPOLL_CTL_DEL = 2;
  check(epollCtlCall(epoll, EPOLL_CTL_DEL, fd, null), 'epoll_ctl');
}

/** Whether a file has an extended attribute that this process may see. See getxattr(2). */
export function hasAttribute(path: string, name: string): boolean {
  return Number(getxattrCall(path, name, null, 0)) >= 0;
}

/** malloc_trim(3): gives memory that malloc holds and nobody uses back to the kernel. */
export function trimHeap(): void {
  mallocTrimCall(0);
}

/** The smallest block that malloc(3) hands out, and its steps. Bytes. */
const LEAST_BLOCK = 24;
const BLOCK_STEP = 16;
/** Below what it maps apart from its heap. Of large blocks not every step has to be tried: smaller ones fill what is left. */
const LARGE_BLOCKS = [65_536, 32_768, 16_384, 8192, 4096, 2048];

/**
 * Takes all free blocks inside of malloc's heap, for good: what is allocated from now on lies together at the heap's end, in pages
 * that nothing else is in. A process forked from this one then writes to few of the pages that it shares.
 */
export function fillHeapHoles(): void {
  const [largest = 0] = LARGE_BLOCKS;
  const grown = sbrkCall(0);
  let end = mallocCall(largest);
  // Where the heap has to grow for it, no hole was large enough.
  while (sbrkCall(0) === grown) end = mallocCall(largest);
  freeCall(end);
  const sizes = LARGE_BLOCKS.slice(1);
  for (let size = sizes.at(-1)! - BLOCK_STEP; size >= LEAST_BLOCK; size -= BLOCK_STEP) sizes.push(size);
  for (const size of sizes) {
    let block = mallocCall(size);
    while (block < end) block = mallocCall(size);
    freeCall(block);
  }
}

/** prctl(2) with plain numbers. */
export function prctl(option: number, value = 0, value2 = 0, value3 = 0): number {
  return check(prctlCall(option, value, value2, value3, 0), `prctl ${option}`);
}

const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const SIGKILL = 9;

/** This process is killed when its parent ends. Forgotten on a change of user and on exec of a privileged file. */
export function dieWithParent(): void {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/** Whether other processes of the same user may look into this one (ptrace, /proc/PID/mem). */
export function setDumpable(dumpable: boolean): void {
  prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0);
}

export function setNoNewPrivileges(): void {
  prctl(PR_SET_NO_NEW_PRIVS, 1);
}

/** Empties the bounding and the ambient set: no exec can give a capability back. */
export function dropCapabilityBounds(): void {
  const PR_CAPBSET_READ = 23;
  for (let cap = 0; prctlCall(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
    if (prctlCall(PR_CAPBSET_READ, cap, 0, 0, 0) === 1) prctl(PR_CAPBSET_DROP, cap);
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
}

/** Gives up every capability of this thread. */
export function dropCapabilities(): void {
  const LINUX_CAPABILITY_VERSION_3 = 0x2008_0522;
  const header = Buffer.alloc(8);
  header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3, 0);
  check(capsetCall(header, Buffer.alloc(24)), 'capset');
}

/** Installs a seccomp filter (see seccomp.ts) on this thread and all it will start. */
export function installSeccomp(program: Buffer): void {
  const fprog = Buffer.alloc(16);
  fprog.writeUInt16LE(program.length / 8, 0);
  fprog.writeBigUInt64LE(koffi.address(program), 8);
  check(prctlPointer(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, fprog, 0, 0), 'prctl seccomp');
}

/** ioctl(2) with a number. */
export function ioctl(fd: number, request: number, argument: number | Buffer): number {
  const result =
    typeof argument === 'number' ? ioctlNumber(fd, request, argument) : ioctlPointer(fd, request, argument);
  return check(result, `ioctl ${request.toString(16)}`);
}
