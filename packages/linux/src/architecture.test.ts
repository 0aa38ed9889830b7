import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { architecture, architectureOf } from './architecture.ts';

const X64 = architectureOf('x64');
const ARM64 = architectureOf('arm64');

/** Calls that arm64, which came later, never had: each has a newer one that says more. */
const LEGACY = `
  open stat lstat poll access pipe select dup2 pause alarm fork vfork getdents rename mkdir rmdir creat link unlink
  symlink readlink chmod chown lchown getpgrp utime mknod arch_prctl time epoll_create epoll_wait utimes inotify_init
  futimesat signalfd eventfd
`;

/** The kernel's own lists, from Debian's linux-libc-dev; arm64 has the generic one. */
const HEADERS = {
  x64: { file: '/usr/include/x86_64-linux-gnu/asm/unistd_64.h', pattern: /^#define __NR_(\w+)\s+(\d+)$/gm },
  arm64: { file: '/usr/include/asm-generic/unistd.h', pattern: /^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm },
};
/** Names that differ only in the generic list. */
const GENERIC_NAMES: Readonly<Record<string, string>> = { newfstatat: 'fstatat' };

/** Places that run machine-near code; what a number of theirs would look like. */
const PLACES = ['linux', 'agent', 'spawner', 'runtimes/node', 'protocol'];
const OF_AN_ARCHITECTURE = /\b0xc000003e\b|\b0xc00000b7\b|__NR_|\bSYS_[a-z]\w* =|process\.arch\b|syscall\w*\(\s*\d+,/;

describe('the table of architectures', () => {
  it('is the only place that knows them', () => {
    const packages = join(import.meta.dirname, '../..');
    const files = PLACES.flatMap((place) => fs.globSync(join(packages, place, 'src/**/*.ts'))).filter(
      (path) => !/architecture(\.test)?\.ts$/.test(path),
    );
    assert.ok(files.length > 100);
    const knowing = files.filter((path) => OF_AN_ARCHITECTURE.test(fs.readFileSync(path, 'utf8')));
    assert.deepEqual(knowing, []);
  });

  it('has the same calls for both, but for those that arm64 never had', () => {
    const only = (here: typeof X64, there: typeof X64): string[] =>
      Object.keys(here.syscalls).filter((name) => !(name in there.syscalls));
    assert.deepEqual(only(ARM64, X64), []);
    assert.deepEqual(only(X64, ARM64).toSorted(), LEGACY.trim().split(/\s+/).toSorted());
  });

  it('gives no number twice', () => {
    for (const { syscalls } of [X64, ARM64]) {
      const numbers = Object.values(syscalls);
      assert.equal(new Set(numbers).size, numbers.length);
    }
  });

  it('tells the two apart as seccomp does: the ELF machine, 64 bits, little endian', () => {
    const LITTLE_ENDIAN_64_BIT = 0xc000_0000;
    assert.equal(X64.auditArch, LITTLE_ENDIAN_64_BIT + 62);
    assert.equal(ARM64.auditArch, LITTLE_ENDIAN_64_BIT + 183);
  });

  it("has this machine's, and says which others there are", () => {
    assert.equal(architecture, architectureOf(process.arch));
    assert.throws(() => architectureOf('riscv64'), /x64 and arm64, not on riscv64/);
  });

  for (const [name, { file, pattern }] of Object.entries(HEADERS)) {
    const skip = fs.existsSync(file) ? false : `${file} is missing: install linux-libc-dev`;
    it(`agrees with the kernel's header on ${name}`, { skip }, () => {
      const header = new Map<string, number>();
      for (const [, call, number] of fs.readFileSync(file, 'latin1').matchAll(pattern))
        header.set(call!, Number(number));
      // What is newer than the header can't be checked against it.
      const newest = Math.max(...header.values());
      const expected = Object.entries(architectureOf(name).syscalls).filter(([, number]) => number <= newest);
      for (const [call, number] of expected) {
        assert.equal(header.get(call) ?? header.get(GENERIC_NAMES[call] ?? ''), number, call);
      }
      assert.ok(expected.length > 250);
    });
  }
});
