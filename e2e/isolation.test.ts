/** Tries to break out of a sandbox in every way that design section 5 rules out. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Hearth } from './testing/hearth.ts';

/** A function that does what its event says and reports how it went. */
const PROBE = `
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as net from 'node:net';
const servers = [];
const actions = {
  read: ({ path }) => fs.readFileSync(path, 'utf8').slice(0, 200),
  list: ({ path }) => fs.readdirSync(path),
  write: ({ path, text }) => fs.writeFileSync(path, text),
  run: ({ command, args }) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
  listen: ({ at }) => new Promise((resolve, reject) => {
    const server = net.createServer((socket) => socket.end('hello from ' + process.env.AWS_LAMBDA_FUNCTION_NAME));
    servers.push(server);
    server.once('error', reject).listen(at, () => resolve('listening'));
  }),
  connect: ({ at }) => new Promise((resolve, reject) => {
    const socket = net.connect({ ...at, timeout: 1500 });
    socket.once('data', (data) => resolve(String(data)));
    socket.once('connect', () => setTimeout(() => resolve('connected'), 300));
    socket.once('timeout', () => reject(new Error('no answer')));
    socket.once('error', reject);
  }),
  get: ({ url, headers }) => new Promise((resolve, reject) => {
    http.get(url, { headers }, async (response) => {
      let body = '';
      for await (const part of response) body += part;
      resolve({ status: response.statusCode, body });
    }).once('error', reject);
  }),
  descriptors: () => fs.readdirSync('/proc/self/fd').flatMap((fd) => {
    try { return [fd + ' ' + fs.readlinkSync('/proc/self/fd/' + fd).replace(/\\[?\\d+\\]?/, '')]; } catch { return []; }
  }),
  environment: () => process.env,
};
export const handler = async (event) => {
  try {
    return { value: await actions[event.do](event) };
  } catch (error) {
    return { code: error.code, error: String(error.message) + String(error.stderr ?? '') };
  }
};
`;

describe('a sandbox', () => {
  let hearth: Hearth;
  const OTHER = '111111111111';

  before(async () => {
    hearth = await Hearth.start({ settings: { instances: 2 } });
    // Invoked by one test only, so that it has opened nothing by itself.
    await hearth.create('fresh', PROBE);
    await hearth.create('one', PROBE);
    await hearth.create('two', PROBE);
    await hearth.create('theirs', PROBE, {}, OTHER);
  });

  after(() => hearth[Symbol.asyncDispose]());

  const probe = async (name: string, event: object, account?: string) =>
    (await hearth.invoke(name, event, account)).payload as { value?: any; code?: string; error?: string };

  it('T21: sees neither files nor processes of its sibling', async () => {
    await probe('one', { do: 'write', path: '/tmp/secret', text: 'mine' });
    assert.equal((await probe('one', { do: 'read', path: '/tmp/secret' })).value, 'mine');
    assert.equal((await probe('two', { do: 'read', path: '/tmp/secret' })).code, 'ENOENT');
    const processes = (await probe('two', { do: 'list', path: '/proc' })).value.filter((name: string) =>
      /^\d+$/.test(name),
    );
    assert.deepEqual(processes, ['1']);
  });

  it('sees only its own code, and can change none', async () => {
    assert.deepEqual((await probe('one', { do: 'list', path: '/var/task' })).value, ['index.mjs']);
    assert.equal((await probe('one', { do: 'write', path: '/var/task/index.mjs', text: '' })).code, 'EROFS');
    for (const path of ['/var/runtime/x', '/usr/x', '/etc/x', '/opt/x', '/x']) {
      assert.match((await probe('one', { do: 'write', path, text: '' })).code ?? 'written', /EROFS|EACCES/, path);
    }
  });

  it("sees nothing of the machine but programs: not the server's data, not users' homes, not the instance", async () => {
    assert.deepEqual(
      (await probe('one', { do: 'list', path: '/' })).value.filter((name: string) => !/^(lib|s?bin)/.test(name)),
      ['dev', 'etc', 'mnt', 'opt', 'proc', 'root', 'run', 'tmp', 'usr', 'var'],
    );
    for (const path of ['/run', '/root', '/mnt', '/opt']) {
      assert.deepEqual((await probe('one', { do: 'list', path })).value, [], path);
    }
    assert.equal((await probe('one', { do: 'list', path: hearth.data })).code, 'ENOENT');
    assert.equal((await probe('one', { do: 'read', path: '/etc/shadow' })).code, 'ENOENT');
    assert.doesNotMatch((await probe('one', { do: 'read', path: '/etc/passwd' })).value, /\/bin\/bash/);
  });

  it('shares no port, no abstract socket with its sibling', async () => {
    for (const at of [{ port: 8080 }, { path: '\0shared' }]) {
      assert.equal((await probe('one', { do: 'listen', at })).value, 'listening');
      assert.equal((await probe('two', { do: 'connect', at })).code, 'ECONNREFUSED');
      assert.equal((await probe('two', { do: 'listen', at })).value, 'listening');
      assert.equal((await probe('two', { do: 'connect', at })).value, 'hello from two');
    }
  });

  it("reaches neither the machine's loopback nor its other addresses, link-local ones or other instances", async () => {
    assert.equal(
      (await probe('one', { do: 'connect', at: { port: hearth.port, host: '127.0.0.1' } })).code,
      'ECONNREFUSED',
    );
    const gateway = '198.18.0.1';
    for (const host of [gateway, '169.254.169.254', '198.18.0.2', '198.18.4.2']) {
      const answer = await probe('one', { do: 'connect', at: { port: hearth.port, host } });
      assert.equal(answer.value, undefined, `${host}: ${JSON.stringify(answer)}`);
    }
  });

  it('holds no capability, can gain none, and is confined by seccomp', async () => {
    const status = (await probe('one', { do: 'run', command: 'cat', args: ['/proc/self/status'] })).value as string;
    assert.deepEqual(status.match(/^Cap\w+:\t(?!0{16}$).*$/gm), null);
    assert.match(status, /NoNewPrivs:\t1/);
    assert.match(status, /Seccomp:\t2/);
    assert.match(status, /^Uid:\t(?!0\t)/m);
  });

  it('can neither mount, nor trace, nor make user namespaces, nor use what a kernel should not offer to strangers', async () => {
    assert.match(
      (await probe('one', { do: 'run', command: 'mount', args: ['-t', 'tmpfs', 'x', '/tmp'] })).error ?? '',
      /permitted|denied|superuser/,
    );
    for (const flag of ['--user', '--mount', '--net', '--pid']) {
      const answer = await probe('one', { do: 'run', command: 'unshare', args: [flag, '--fork', 'true'] });
      assert.match(answer.error ?? '', /not permitted/, flag);
    }
    const x64: Record<string, number> = {
      ptrace: 101,
      bpf: 321,
      perf_event_open: 298,
      keyctl: 250,
      userfaultfd: 323,
      io_uring_setup: 425,
      setns: 308,
      process_vm_readv: 310,
      open_by_handle_at: 304,
      kexec_load: 246,
      init_module: 175,
      personality: 135,
    };
    const arm64: Record<string, number> = {
      ptrace: 117,
      bpf: 280,
      perf_event_open: 241,
      keyctl: 219,
      userfaultfd: 282,
      io_uring_setup: 425,
      setns: 268,
      process_vm_readv: 270,
      open_by_handle_at: 265,
      kexec_load: 104,
      init_module: 105,
      personality: 92,
    };
    for (const [name, number] of Object.entries(process.arch === 'x64' ? x64 : arm64)) {
      const script = `$r = syscall(${number}, 0, 0, 0, 0, 0); print $r, " ", $!+0`;
      const answer = await probe('one', { do: 'run', command: 'perl', args: ['-e', script] });
      assert.match(answer.value ?? '', /^-1 (1|38)$/, `${name}: ${JSON.stringify(answer)}`);
    }
  });

  it('has exactly the descriptors that a sandbox should have', async () => {
    const { value } = await probe('fresh', { do: 'descriptors' });
    const kinds = (value as string[]).map((line) => line.replace(/^\d+ /, ''));
    const KNOWN = new Set(['/dev/null', 'anon_inode:[eventfd]', 'anon_inode:[eventpoll]', 'pipe:', 'socket:']);
    assert.deepEqual(
      kinds.filter((kind) => !KNOWN.has(kind)),
      [],
    );
    const sockets = kinds.filter((kind) => kind === 'socket:');
    // Its stream to the server; descriptors 1 and 2, which lead there too.
    assert.equal(sockets.length, 3);
  });

  it("acts on Hearth's own API as its own account, whatever it claims", async () => {
    const environment = (await probe('one', { do: 'environment' })).value as Record<string, string>;
    const url = `${environment['AWS_ENDPOINT_URL_LAMBDA']}/2015-03-31/functions`;
    const names = async (name: string, claimed: string, account?: string) => {
      const authorization = `AWS4-HMAC-SHA256 Credential=${claimed}/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0`;
      const { value } = await probe(name, { do: 'get', url, headers: { authorization } }, account);
      return JSON.parse(value.body).Functions.map((found: { FunctionName: string }) => found.FunctionName);
    };
    assert.deepEqual(await names('one', OTHER), ['fresh', 'one', 'two']);
    assert.deepEqual(await names('theirs', '000000000000', OTHER), ['theirs']);
  });

  it('Z1, D3: never shares an instance with another account', async () => {
    await probe('one', { do: 'environment' });
    await probe('theirs', { do: 'environment' }, OTHER);
    const { instances } = await hearth.get('/_hearth/fleet');
    for (const instance of instances) {
      for (const sandbox of instance.sandboxes) {
        assert.equal(sandbox.function === 'theirs' ? OTHER : '000000000000', instance.account);
      }
    }
    assert.equal(new Set(instances.map((instance: any) => instance.account).filter(Boolean)).size, 2);
  });

  it('fills 512 MB of /tmp with 128 MB of memory, then gets ENOSPC and lives', async () => {
    await hearth.create(
      'filler',
      `import * as fs from 'node:fs';
       export const handler = async () => {
         const block = Buffer.alloc(1024 * 1024, 7);
         const file = fs.openSync('/tmp/big', 'w');
         let written = 0;
         try {
           for (;;) written += fs.writeSync(file, block);
         } catch (error) {
           return { code: error.code, megabytes: Math.floor(written / 1024 / 1024) };
         } finally {
           fs.closeSync(file);
           fs.unlinkSync('/tmp/big');
         }
       };`,
      { MemorySize: 128, Timeout: 60 },
    );
    const first = await hearth.invoke('filler');
    assert.equal(first.payload.code, 'ENOSPC', JSON.stringify(first));
    assert.ok(first.payload.megabytes >= 512 && first.payload.megabytes < 560, String(first.payload.megabytes));
    assert.equal((await hearth.invoke('filler')).startPath, 'warm');
  });

  it("reads no memory of its own first process's parent, and no kernel secrets", async () => {
    for (const path of ['/proc/kcore', '/proc/kallsyms', '/proc/keys', '/proc/timer_list']) {
      const answer = await probe('one', { do: 'read', path });
      assert.ok(answer.value === '' || answer.value === undefined, path);
    }
    assert.match(
      (await probe('one', { do: 'write', path: '/proc/sys/kernel/hostname', text: 'x' })).code ?? 'written',
      /EROFS|EACCES/,
    );
  });
});
