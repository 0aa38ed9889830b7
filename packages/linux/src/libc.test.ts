import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import * as linux from './libc.ts';

const MISSING = '/not-there/at-all';

function descriptors(): number {
  return fs.readdirSync('/proc/self/fd').length;
}

class Directory implements Disposable {
  readonly path = fs.mkdtempSync(join(tmpdir(), 'hearth-libc-'));
  [Symbol.dispose](): void {
    fs.rmSync(this.path, { recursive: true });
  }
}

describe('a system call that fails', () => {
  const FAILING: Record<string, { call: () => unknown; code: string; message: RegExp }> = {
    open: { call: () => linux.openFd(MISSING, linux.O_RDONLY), code: 'ENOENT', message: /^open \/not-there\/at-all: / },
    close: { call: () => linux.closeFd(-1), code: 'EBADF', message: /^close: EBADF$/ },
    read: { call: () => linux.readFd(-1, Buffer.alloc(1)), code: 'EBADF', message: /^read: / },
    write: { call: () => linux.writeFd(-1, Buffer.alloc(1)), code: 'EBADF', message: /^write: / },
    chdir: { call: () => linux.chdir(MISSING), code: 'ENOENT', message: /^chdir \/not-there/ },
    mount: {
      call: () => linux.mount('source', MISSING, 'tmpfs', 0),
      code: process.getuid?.() === 0 ? 'ENOENT' : 'EPERM',
      message: /^mount source on \/not-there/,
    },
    open_tree: { call: () => linux.cloneMount(MISSING), code: 'ENOENT', message: /^open_tree \/not-there/ },
    setns: { call: () => linux.setns(-1, 0), code: 'EBADF', message: /^setns: / },
    connect: { call: () => linux.connectUnix(MISSING), code: 'ENOENT', message: /^connect \/not-there/ },
    bind: { call: () => linux.listenTcp('203.0.113.1', 0), code: 'EADDRNOTAVAIL', message: /^bind 203\.0\.113\.1:0: / },
    prctl: { call: () => linux.prctl(-1), code: 'EINVAL', message: /^prctl -1: EINVAL$/ },
    ioctl: { call: () => linux.ioctl(-1, 0x5401, 0), code: 'EBADF', message: /^ioctl 5401: / },
  };

  for (const [name, { call, code, message }] of Object.entries(FAILING)) {
    it(`names itself and what it was about: ${name}`, () => {
      const before = descriptors();
      assert.throws(call, (error) => {
        assert.ok(error instanceof linux.SystemCallError);
        assert.equal(error.name, 'SystemCallError');
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return error.message.endsWith(code);
      });
      assert.equal(descriptors(), before);
    });
  }

  it('has a code where the errno has no name', () => {
    assert.equal(new linux.SystemCallError('call', 4095).code, 'errno 4095');
  });
});

describe('descriptors', () => {
  it('are written and read whole, and closed on exec', () => {
    using directory = new Directory();
    const path = join(directory.path, 'file');
    fs.writeFileSync(path, '');
    const fd = linux.openFd(path, linux.O_RDWR);
    try {
      const CLOSE_ON_EXEC = 0o2000000;
      const flags = /^flags:\s+(\d+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))![1]!;
      assert.ok((Number.parseInt(flags, 8) & CLOSE_ON_EXEC) !== 0);
      linux.writeFd(fd, Buffer.from('hello'));
      assert.equal(fs.readFileSync(path, 'latin1'), 'hello');
      assert.equal(linux.readFd(fd, Buffer.alloc(10)), 0);
    } finally {
      linux.closeFd(fd);
    }
  });

  it('of a directory reach what is in it after its name is gone', () => {
    using directory = new Directory();
    fs.mkdirSync(join(directory.path, 'before'));
    fs.writeFileSync(join(directory.path, 'before', 'file'), 'found');
    const fd = linux.openDirectory(join(directory.path, 'before'));
    try {
      fs.renameSync(join(directory.path, 'before'), join(directory.path, 'after'));
      const file = linux.openAt(fd, 'file', linux.O_RDONLY);
      const into = Buffer.alloc(10);
      assert.equal(into.toString('latin1', 0, linux.readFd(file, into)), 'found');
      linux.closeFd(file);
      assert.throws(() => linux.openAt(fd, 'other', linux.O_RDONLY), { code: 'ENOENT' });
      assert.throws(() => linux.openDirectory(join(directory.path, 'after', 'file')), { code: 'ENOTDIR' });
    } finally {
      linux.closeFd(fd);
    }
  });

  it('tell where a file has data and where holes', () => {
    using directory = new Directory();
    const path = join(directory.path, 'sparse');
    const MB = 1024 * 1024;
    fs.writeFileSync(path, '');
    fs.truncateSync(path, 4 * MB);
    const fd = fs.openSync(path, 'r+');
    try {
      assert.deepEqual(linux.dataRanges(fd), []);
      fs.writeSync(fd, 'data', MB);
      fs.writeSync(fd, 'data', 3 * MB);
      const ranges = linux.dataRanges(fd);
      assert.deepEqual(
        ranges.map(([start]) => start),
        [MB, 3 * MB],
      );
      for (const [start, end] of ranges) assert.ok(end - start < MB);
    } finally {
      fs.closeSync(fd);
    }
  });

  it('connect to a Unix socket', async () => {
    using directory = new Directory();
    const path = join(directory.path, 'socket');
    const server = createServer().listen(path);
    await once(server, 'listening');
    const connection = once(server, 'connection');
    const fd = linux.connectUnix(path);
    const [socket] = await connection;
    const heard = once(socket, 'data');
    linux.writeFd(fd, Buffer.from('hello'));
    assert.equal(String((await heard)[0]), 'hello');
    linux.closeFd(fd);
    socket.destroy();
    server.close();
  });
});

it('a signal that is to end a process by _exit does so, with its number for a status', () => {
  const script = `import { exitOnSignal } from ${JSON.stringify(new URL('./libc.ts', import.meta.url).href)};
    for (const signal of [6, 15]) exitOnSignal(signal);
    process.argv[1] === 'abort' ? process.abort() : process.kill(process.pid, 'SIGTERM');`;
  for (const [how, expected] of [
    ['abort', 6],
    ['terminate', 15],
  ] as const) {
    const { status, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script, how]);
    assert.deepEqual([status, signal], [expected, null], how);
  }
});

test("once the holes of malloc's heap are filled, what is allocated lies together at its end", () => {
  const script = `
    const { default: koffi } = await import('koffi');
    const { fillHeapHoles } = await import(${JSON.stringify(new URL('./libc.ts', import.meta.url).href)});
    const libc = koffi.load('libc.so.6');
    const malloc = libc.func('uintptr_t malloc(size_t)');
    const free = libc.func('void free(uintptr_t)');
    // A heap full of holes, each between two blocks that stay.
    const blocks = Array.from({ length: 20_000 }, (_, i) => malloc(40 + (i % 50) * 16));
    for (let i = 0; i < blocks.length; i += 2) free(blocks[i]);
    const last = blocks.at(-1);
    const below = () => Array.from({ length: 1000 }, (_, i) => malloc(40 + (i % 50) * 16)).filter((block) => block < last).length;
    const before = below();
    fillHeapHoles();
    console.log(JSON.stringify([before, below()]));`;
  const answer = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  const [before, after] = JSON.parse(answer) as [number, number];
  assert.ok(before > 900, `only ${before} of 1000 blocks found a hole: nothing was tried`);
  assert.ok(after < 10, `${after} of 1000 blocks still found a hole`);
});
