import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { architectureOf } from './architecture.ts';
import { forkableFilter, sandboxFilter } from './seccomp.ts';

const ARCHITECTURES = ['x64', 'arm64'] as const;

/** What seccomp(2) shows a filter of a call. */
interface Call {
  arch: number;
  number: number;
  arguments?: readonly (number | bigint)[];
}

/** Runs a filter as the kernel does: classic BPF over `struct seccomp_data`. @returns what is to become of the call. */
function decide(program: Buffer, { arch, number, arguments: given = [] }: Call): string {
  const data = Buffer.alloc(64);
  data.writeInt32LE(number | 0, 0);
  data.writeUInt32LE(arch, 4);
  for (const [i, value] of given.entries()) data.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), 16 + i * 8);
  let accumulator = 0;
  for (let at = 0; ; at++) {
    assert.ok(at * 8 < program.length, 'the filter runs out of its end');
    const code = program.readUInt16LE(at * 8);
    const k = program.readUInt32LE(at * 8 + 4);
    const jump = (taken: boolean): number => program.readUInt8(at * 8 + (taken ? 2 : 3));
    if (code === 0x20) accumulator = data.readUInt32LE(k);
    else if (code === 0x15) at += jump(accumulator === k);
    else if (code === 0x35) at += jump(accumulator >= k);
    else if (code === 0x45) at += jump((accumulator & k) !== 0);
    else if (code === 0x06) return verdict(k);
    else assert.fail(`instruction ${code.toString(16)}`);
  }
}

function verdict(value: number): string {
  const [action, detail] = [(value & 0xffff_0000) >>> 0, value & 0xffff];
  if (action === 0x7fff_0000) return 'allow';
  if (action === 0x8000_0000) return 'kill';
  assert.equal(action, 0x0005_0000);
  return { 0: 'success', 1: 'EPERM', 38: 'ENOSYS' }[detail] ?? `errno ${detail}`;
}

/** What V8, libuv, glibc and ordinary programs live by, on both architectures. */
const NEEDED = `
  read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn pread64 pwrite64 readv
  writev sched_yield mremap madvise dup dup3 nanosleep getpid connect accept4 sendto recvfrom sendmsg recvmsg shutdown
  bind listen getsockname getpeername socketpair setsockopt getsockopt execve exit wait4 kill uname fcntl flock fsync
  ftruncate getcwd chdir umask getuid getgid geteuid getegid gettid futex getdents64 set_tid_address clock_gettime
  clock_nanosleep exit_group epoll_ctl epoll_pwait tgkill openat mkdirat newfstatat unlinkat renameat symlinkat
  readlinkat fchmodat faccessat ppoll set_robust_list utimensat eventfd2 epoll_create1 pipe2 inotify_init1 prlimit64
  getrandom memfd_create statx rseq copy_file_range close_range faccessat2 prctl sigaltstack sched_getaffinity
`
  .trim()
  .split(/\s+/);

/** All that the table knows and a sandbox may not do, whatever the arguments. */
const FORBIDDEN = `
  mount umount2 pivot_root chroot open_tree move_mount mount_setattr fsopen fsconfig fsmount unshare setns ptrace
  process_vm_readv process_vm_writev bpf perf_event_open userfaultfd keyctl add_key request_key personality mknodat
`
  .trim()
  .split(/\s+/);

/** Not even in the table, by their numbers. */
const FORBIDDEN_NUMBERS = {
  x64: { reboot: 169, init_module: 175, finit_module: 313, swapon: 167, iopl: 172, kexec_load: 246, settimeofday: 164 },
  arm64: {
    reboot: 142,
    init_module: 105,
    finit_module: 273,
    swapon: 224,
    acct: 89,
    kexec_load: 104,
    settimeofday: 170,
  },
};
const FORBIDDEN_HANDLES = {
  x64: { open_by_handle_at: 304, name_to_handle_at: 303, modify_ldt: 154, pidfd_getfd: 438, process_madvise: 440 },
  arm64: { open_by_handle_at: 265, name_to_handle_at: 264, syslog: 116, pidfd_getfd: 438, process_madvise: 440 },
};

const PROBED = ['clone3', 'io_uring_setup', 'io_uring_enter', 'io_uring_register'];

const CLONE_OF_A_THREAD = 0x003d_0f00;
const CLONE_OF_A_PROCESS = 0x0120_0011;
const NAMESPACES = {
  time: 0x80,
  mount: 0x2_0000,
  cgroup: 0x0200_0000,
  uts: 0x0400_0000,
  ipc: 0x0800_0000,
  user: 0x1000_0000,
  pid: 0x2000_0000,
  net: 0x4000_0000,
};

for (const name of ARCHITECTURES) {
  const { auditArch, syscalls } = architectureOf(name);
  const filter = sandboxFilter(architectureOf(name));
  const answer = (call: string | number, ...given: (number | bigint)[]): string =>
    decide(filter, { arch: auditArch, number: typeof call === 'number' ? call : syscalls[call]!, arguments: given });

  describe(`a sandbox's filter on ${name}`, () => {
    it('allows what programs live by', () => {
      for (const call of NEEDED) assert.equal(answer(call), 'allow', call);
    });

    it('forbids what leads out', () => {
      const missing = name === 'x64' ? ['mknod'] : [];
      for (const call of [...FORBIDDEN, ...missing]) assert.equal(answer(call), 'EPERM', call);
      const numbers = { ...FORBIDDEN_NUMBERS[name], ...FORBIDDEN_HANDLES[name] };
      for (const [call, number] of Object.entries(numbers)) assert.equal(answer(number), 'EPERM', call);
    });

    it('forbids nothing else that it knows', () => {
      const refused = Object.keys(syscalls).filter((call) => answer(call) !== 'allow');
      const known = [...FORBIDDEN, 'mknod', ...PROBED, 'socket'].filter((call) => call in syscalls);
      assert.deepEqual(refused.toSorted(), known.toSorted());
    });

    it('allows no call that has no name here', () => {
      const named = new Set(Object.values(syscalls));
      for (let number = 0; number < 2000; number++) {
        if (!named.has(number)) assert.notEqual(answer(number), 'allow', String(number));
      }
    });

    it('says that newer calls than it knows, and those that programs probe for, are not there', () => {
      for (const call of PROBED) assert.equal(answer(call), 'ENOSYS', call);
      for (const number of [Math.max(...Object.values(syscalls)) + 1, 1000, 0x7fff_ffff, -1]) {
        assert.equal(answer(number), 'ENOSYS', String(number));
      }
    });

    it('does not know the calls of the x32 ABI, which have the same architecture', () => {
      const X32 = 0x4000_0000;
      for (const number of Object.values(syscalls)) assert.equal(answer(X32 + number), 'ENOSYS');
    });

    it('ends a process that calls as another architecture', () => {
      const I386 = 0x4000_0003;
      const other = architectureOf(name === 'x64' ? 'arm64' : 'x64').auditArch;
      for (const arch of [I386, 0x4000_0028, other, 0]) {
        for (const number of Object.values(syscalls)) assert.equal(decide(filter, { arch, number }), 'kill');
      }
    });

    it('lets processes and threads be made, but no namespaces', () => {
      assert.equal(answer('clone', CLONE_OF_A_THREAD), 'allow');
      assert.equal(answer('clone', CLONE_OF_A_PROCESS), 'allow');
      for (const [kind, flag] of Object.entries(NAMESPACES)) {
        assert.equal(answer('clone', CLONE_OF_A_PROCESS | flag), 'EPERM', kind);
        assert.equal(answer('clone', BigInt(CLONE_OF_A_PROCESS | flag) | (1n << 40n)), 'EPERM', kind);
      }
    });

    it('gives sockets of four families, and of netlink the one that looks up interfaces', () => {
      const [UNIX, IPV4, IPV6, NETLINK] = [1, 2, 10, 16];
      const [STREAM, RAW] = [1, 3];
      for (const family of [UNIX, IPV4, IPV6]) assert.equal(answer('socket', family, STREAM, 0), 'allow');
      assert.equal(answer('socket', NETLINK, RAW, 0), 'allow');
      // Among them NETLINK_AUDIT and NETLINK_NETFILTER.
      for (let protocol = 1; protocol < 32; protocol++) {
        assert.equal(answer('socket', NETLINK, RAW, protocol), 'EPERM', `netlink ${protocol}`);
      }
      // AF_PACKET is 17, AF_ALG 38, AF_VSOCK 40; the kernel looks at the lower half of an argument only.
      for (let family = 0; family < 64; family++) {
        if (![UNIX, IPV4, IPV6, NETLINK].includes(family)) assert.equal(answer('socket', family, RAW), 'EPERM');
      }
      assert.equal(answer('socket', (1n << 32n) | 17n, RAW), 'EPERM');
    });

    it('lets nothing be typed into a terminal', () => {
      const [TIOCSTI, TIOCLINUX, TCGETS, FIONBIO] = [0x5412, 0x541c, 0x5401, 0x5421];
      for (const request of [TCGETS, FIONBIO]) assert.equal(answer('ioctl', 0, request), 'allow');
      for (const request of [TIOCSTI, TIOCLINUX]) {
        assert.equal(answer('ioctl', 0, request), 'EPERM');
        assert.equal(answer('ioctl', 0, BigInt(request) | (1n << 32n)), 'EPERM');
      }
    });
  });

  describe(`the filter of what will be forked on ${name}`, () => {
    const forkable = forkableFilter(architectureOf(name));
    const told = (call: string, ...given: number[]): string =>
      decide(forkable, { arch: auditArch, number: syscalls[call]!, arguments: given });

    it('makes MADV_DONTFORK do nothing, and only that', () => {
      for (let advice = 0; advice < 30; advice++) {
        assert.equal(told('madvise', 0, 4096, advice), advice === 10 ? 'success' : 'allow', `advice ${advice}`);
      }
      assert.equal(told('madvise', 10, 10, 0), 'allow');
    });

    it('has no io_uring, and leaves all else as it is', () => {
      for (const call of Object.keys(syscalls)) {
        assert.equal(told(call), call === 'io_uring_setup' ? 'ENOSYS' : 'allow', call);
      }
    });
  });
}

describe('the kernel', () => {
  it('takes both filters, one after the other as a sandbox gets them, and refuses what they refuse', () => {
    const linux = JSON.stringify(new URL('index.ts', import.meta.url).href);
    const node = ['--no-warnings', '--input-type=module', '-e'];
    // What is tried would do no harm if it were allowed: a user namespace of its own, a mount on nothing.
    const sandbox = `
      import { execFileSync } from 'node:child_process';
      import { readFileSync } from 'node:fs';
      import * as linux from ${linux};
      const attempt = (call) => { try { return call(); } catch (error) { return error.code; } };
      linux.installSeccomp(linux.sandboxFilter(linux.architecture));
      console.log(JSON.stringify({
        filters: /^Seccomp_filters:\\s+(\\d)$/m.exec(readFileSync('/proc/self/status', 'latin1'))[1],
        user: attempt(() => linux.unshare(linux.CLONE_NEWUSER)),
        mount: attempt(() => linux.mount('none', '/not-there', 'tmpfs', 0)),
        child: execFileSync('echo', ['hello'], { encoding: 'utf8' }),
        fetched: await (await fetch('data:,there')).text(),
      }));`;
    const zygote = `
      import * as linux from ${linux};
      linux.setNoNewPrivileges();
      linux.installSeccomp(linux.forkableFilter(linux.architecture));
      process.execve(process.execPath, [process.execPath, ...${JSON.stringify([...node, sandbox])}]);`;
    const child = spawnSync(process.execPath, [...node, zygote], { encoding: 'utf8', timeout: 30_000 });
    assert.equal(child.status, 0, child.stderr);
    const expected = { filters: '2', user: 'EPERM', mount: 'EPERM', child: 'hello\n', fetched: 'there' };
    assert.deepEqual(JSON.parse(child.stdout), expected);
  });
});
