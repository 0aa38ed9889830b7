/**
 * Builds seccomp filters: classic BPF over `struct seccomp_data`, see seccomp(2).
 */
import type { Architecture } from './architecture.ts';

const LD_ABS = 0x20;
const JMP_EQ = 0x15;
const JMP_GE = 0x35;
const JMP_SET = 0x45;
const RET = 0x06;

const DATA_NR = 0;
const DATA_ARCH = 4;
/** Low word of argument `n` (little endian). */
const argument = (n: number): number => 16 + 8 * n;

const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const errno = (code: number): number => 0x0005_0000 | code;
const EPERM = 1;
const ENOSYS = 38;

interface Instruction {
  code: number;
  k: number;
  jt?: number;
  jf?: number;
}

function assemble(instructions: readonly Instruction[]): Buffer {
  const program = Buffer.alloc(8 * instructions.length);
  for (const [i, { code, k, jt = 0, jf = 0 }] of instructions.entries()) {
    program.writeUInt16LE(code, i * 8);
    program.writeUInt8(jt, i * 8 + 2);
    program.writeUInt8(jf, i * 8 + 3);
    program.writeUInt32LE(k >>> 0, i * 8 + 4);
  }
  return program;
}

/**
 * A filter under which a Node process survives being forked. V8 marks its heap `MADV_DONTFORK`, and a child would find
 * it gone: that call is answered with success and does nothing. libuv keeps io_uring for good once it has it, and a
 * sandbox may not use it: there is none. Install it before the process that will fork is started.
 */
export function forkableFilter({ syscalls }: Architecture): Buffer {
  const MADV_DONTFORK = 10;
  return assemble([
    { code: LD_ABS, k: DATA_NR },
    { code: JMP_EQ, k: number(syscalls, 'io_uring_setup'), jf: 1 },
    { code: RET, k: errno(ENOSYS) },
    { code: JMP_EQ, k: number(syscalls, 'madvise'), jf: 3 },
    { code: LD_ABS, k: argument(2) },
    { code: JMP_EQ, k: MADV_DONTFORK, jf: 1 },
    { code: RET, k: errno(0) },
    { code: RET, k: ALLOW },
  ]);
}

/** What a function may ask of the kernel. Names that an architecture lacks are left out of its filter. */
const ALLOWED = `
  read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn
  pread64 pwrite64 readv writev access pipe select sched_yield mremap msync mincore madvise shmget shmat shmctl
  shmdt dup dup2 dup3 pause nanosleep getitimer alarm setitimer getpid sendfile connect accept sendto recvfrom sendmsg
  recvmsg shutdown bind listen getsockname getpeername socketpair setsockopt getsockopt fork vfork execve exit wait4
  kill uname semget semop semctl semtimedop msgget msgsnd msgrcv msgctl fcntl flock fsync fdatasync truncate ftruncate
  getdents getcwd chdir fchdir rename mkdir rmdir creat link unlink symlink readlink chmod fchmod chown fchown lchown
  umask gettimeofday getrlimit getrusage sysinfo times getuid getgid setuid setgid geteuid getegid setpgid getppid
  getpgrp setsid setreuid setregid getgroups setgroups setresuid getresuid setresgid getresgid getpgid setfsuid setfsgid
  getsid capget capset rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend sigaltstack utime statfs
  fstatfs getpriority setpriority sched_setparam sched_getparam sched_setscheduler sched_getscheduler
  sched_get_priority_max sched_get_priority_min sched_rr_get_interval mlock munlock mlockall munlockall prctl arch_prctl
  setrlimit sync gettid readahead setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr
  flistxattr removexattr lremovexattr fremovexattr tkill time futex sched_setaffinity sched_getaffinity epoll_create
  getdents64 set_tid_address restart_syscall fadvise64 timer_create timer_settime timer_gettime timer_getoverrun
  timer_delete clock_gettime clock_getres clock_nanosleep exit_group epoll_wait epoll_ctl tgkill utimes mq_open
  mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr waitid ioprio_set ioprio_get inotify_init
  inotify_add_watch inotify_rm_watch openat mkdirat fchownat futimesat newfstatat unlinkat renameat linkat
  symlinkat readlinkat fchmodat fchmodat2 faccessat faccessat2 pselect6 ppoll set_robust_list get_robust_list splice tee
  sync_file_range vmsplice utimensat epoll_pwait epoll_pwait2 signalfd timerfd_create eventfd fallocate
  timerfd_settime timerfd_gettime accept4 signalfd4 eventfd2 epoll_create1 pipe2 inotify_init1 preadv pwritev
  rt_tgsigqueueinfo recvmmsg prlimit64 syncfs sendmmsg getcpu sched_setattr sched_getattr renameat2 seccomp getrandom
  memfd_create execveat membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx rseq
  close_range openat2 pidfd_open pidfd_send_signal futex_waitv
`
  .trim()
  .split(/\s+/);

/** Socket families that a function may use: Unix, IPv4, IPv6, and netlink for looking up interfaces. */
const FAMILIES = [1, 2, 10, 16];
const NETLINK_FAMILY = 16;
const NETLINK_ROUTE = 0;
/** Namespace flags of clone(2) and unshare(2). */
const NAMESPACES = 0x7e02_0080;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;

/**
 * The allow-list of a sandbox. Refused calls answer EPERM, those that programs probe for (clone3, io_uring) and
 * calls newer than the table ENOSYS, so that libc falls back; a call of a foreign architecture ends the process. No mount, ptrace, bpf, keyctl, io_uring,
 * userfaultfd, perf_event, personality, namespaces; sockets of four families; no terminal injection.
 */
export function sandboxFilter({ auditArch, syscalls }: Architecture): Buffer {
  const checked = ['clone', 'socket', 'ioctl'];
  const allowed = ALLOWED.flatMap((name) => syscalls[name] ?? []).toSorted((a, b) => a - b);
  const unknown = ['clone3', 'io_uring_setup', 'io_uring_enter', 'io_uring_register'];
  const body: Instruction[] = [];
  const rule = (name: string, rest: Instruction[]): void => {
    body.push({ code: JMP_EQ, k: number(syscalls, name), jf: rest.length }, ...rest);
  };
  rule('clone', [
    { code: LD_ABS, k: argument(0) },
    { code: JMP_SET, k: NAMESPACES, jf: 1 },
    { code: RET, k: errno(EPERM) },
    { code: RET, k: ALLOW },
  ]);
  rule('socket', [
    { code: LD_ABS, k: argument(0) },
    ...FAMILIES.filter((family) => family !== NETLINK_FAMILY).flatMap((family) => [
      { code: JMP_EQ, k: family, jf: 1 },
      { code: RET, k: ALLOW },
    ]),
    { code: JMP_EQ, k: NETLINK_FAMILY, jf: 3 },
    { code: LD_ABS, k: argument(2) },
    { code: JMP_EQ, k: NETLINK_ROUTE, jf: 1 },
    { code: RET, k: ALLOW },
    { code: RET, k: errno(EPERM) },
  ]);
  rule('ioctl', [
    { code: LD_ABS, k: argument(1) },
    { code: JMP_EQ, k: TIOCSTI, jf: 1 },
    { code: RET, k: errno(EPERM) },
    { code: JMP_EQ, k: TIOCLINUX, jf: 1 },
    { code: RET, k: errno(EPERM) },
    { code: RET, k: ALLOW },
  ]);
  for (const name of unknown) rule(name, [{ code: RET, k: errno(ENOSYS) }]);
  for (const [first, last] of ranges(allowed.filter((n) => !checked.some((name) => syscalls[name] === n)))) {
    if (first === last) body.push({ code: JMP_EQ, k: first, jf: 1 }, { code: RET, k: ALLOW });
    else body.push({ code: JMP_GE, k: first, jf: 2 }, { code: JMP_GE, k: last + 1, jt: 1 }, { code: RET, k: ALLOW });
  }
  return assemble([
    { code: LD_ABS, k: DATA_ARCH },
    { code: JMP_EQ, k: auditArch, jt: 1 },
    { code: RET, k: KILL_PROCESS },
    { code: LD_ABS, k: DATA_NR },
    ...body,
    { code: JMP_GE, k: Math.max(...Object.values(syscalls)) + 1, jf: 1 },
    { code: RET, k: errno(ENOSYS) },
    { code: RET, k: errno(EPERM) },
  ]);
}

function number(syscalls: Readonly<Record<string, number>>, name: string): number {
  const found = syscalls[name];
  if (found === undefined) throw new Error(`no number for the system call ${name}`);
  return found;
}

/** Runs of neighbouring numbers. */
function ranges(sorted: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const n of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs;
}
