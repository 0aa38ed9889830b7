/**
 * T20, T21: functions that misbehave, each in its own way. Each caller is answered, the next invocation of the same function
 * works, nobody else notices, and nothing stays.
 *
 * What AWS says of a function whose process ends or takes too long:
 * https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from './testing/eventually.ts';
import { type Answer, Hearth } from './testing/hearth.ts';
import { holdingsOf } from './testing/holdings.ts';

const NOTHING = { processes: [], cgroups: [], interfaces: [], tables: [], loopDevices: [], mounts: [], files: [] };
const STRANGER = '111111111111';
/** A bystander is answered within this; the machine has two processors, and the functions below use them as they like. */
const PATIENCE_MS = 10_000;
/** Functions that misbehave at the same time. */
const AT_ONCE = 4;

interface Misdeed {
  /** The handler's body; `event.well` asks it to behave. */
  body: string;
  /** What its caller is answered, as JSON. */
  answer: RegExp;
  settings?: Parameters<Hearth['create']>[2];
}

const TIMED_OUT = /"Sandbox\.Timedout".*Task timed out after 2\.00 seconds/;
const EXITED = /"Runtime\.ExitError".*Runtime exited/;
/** Either is right: it lives on, or it alone has ended. */
const LIVED_OR_ENDED = /"lived"|"Runtime\.ExitError"|"Sandbox\.Timedout"/;

const MISDEEDS: Record<string, Misdeed> = {
  'never lets a promise settle': { body: 'for (;;) await null;', answer: TIMED_OUT },
  'blocks its thread': {
    body: 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);',
    answer: TIMED_OUT,
  },
  'waits for a child that never ends': { body: `execFileSync('sleep', ['1000']);`, answer: TIMED_OUT },
  'kills its parent': {
    body: `process.kill(process.ppid, 'SIGKILL'); await sleep(100); return 'lived';`,
    answer: LIVED_OR_ENDED,
  },
  'kills the first process, and all': {
    body: `
      for (const pid of [1, -1]) { try { process.kill(pid, 'SIGKILL'); } catch {} }
      execFileSync('sh', ['-c', 'kill -9 1; kill -STOP 1; kill -SEGV 1; true']);
      return 'lived';`,
    answer: LIVED_OR_ENDED,
  },
  'signals itself': {
    body: `for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR1', 'SIGUSR2', 'SIGSTOP', 'SIGPIPE']) process.kill(process.pid, signal);
      await sleep(100); return 'lived';`,
    answer: LIVED_OR_ENDED,
  },
  'runs into a trap of the processor': {
    body: `
      (await import('node:v8')).setFlagsFromString('--allow-natives-syntax');
      new Function('%SystemBreak()')();`,
    answer: /"Runtime\.ExitError".*signal: (trace\/breakpoint trap|illegal instruction|aborted|segmentation fault)"/,
  },
  'turns on what V8 should not have': {
    body: `
      const { setFlagsFromString } = await import('node:v8');
      for (const flag of ['--max-old-space-size=100000', '--stack-size=100000', '--gc-interval=1', '--jitless']) setFlagsFromString(flag);
      const deep = (n) => deep(n + 1) + 1;
      try { deep(0); } catch {}
      return 'lived';`,
    answer: LIVED_OR_ENDED,
  },
  'closes all its descriptors': {
    body: `for (let fd = 3; fd < 1024; fd++) { try { fs.closeSync(fd); } catch {} } await sleep(10_000);`,
    answer: /"Runtime\.ExitError"|"Sandbox\.Timedout"/,
  },
  'opens thousands of sockets': {
    body: `
      const server = net.createServer().listen(0);
      await new Promise((resolve) => server.once('listening', resolve));
      let failures = 0;
      const sockets = Array.from({ length: 5000 }, () => net.connect(server.address().port).on('error', () => failures++));
      await sleep(500);
      for (const socket of sockets) socket.destroy();
      server.close();
      return failures > 1000 ? 'lived' : failures;`,
    answer: /"lived"/,
    settings: { MemorySize: 512, Timeout: 20 },
  },
  'uses up the inodes of /tmp': {
    body: `
      let made = 0;
      try { for (;;) fs.writeFileSync('/tmp/f' + made++, ''); } catch (error) {
        for (const name of fs.readdirSync('/tmp')) fs.rmSync('/tmp/' + name, { recursive: true, force: true });
        return [error.code, made > 10_000];
      }`,
    answer: /^\["ENOSPC",true\]$/,
    settings: { MemorySize: 1769, Timeout: 60 },
  },
  'removes where it stands': {
    body: `
      fs.mkdirSync('/tmp/here'); process.chdir('/tmp/here'); fs.rmdirSync('/tmp/here');
      try { process.cwd(); } catch (error) { return error.code; }`,
    answer: /"ENOENT"/,
  },
  'asks for rights': {
    body: `
      const refused = [];
      for (const [what, ...id] of [['setuid', 0], ['setgid', 0], ['seteuid', 0], ['setgroups', [0]], ['initgroups', 'root', 0]]) {
        try { process[what](...id); } catch (error) { refused.push(error.code); }
      }
      try { os.setPriority(-20); } catch (error) { refused.push(error.info?.code ?? error.code); }
      return refused;`,
    answer: /^\["EPERM","EPERM","EPERM","EPERM","EPERM","(EACCES|EPERM)"\]$/,
  },
  'makes packets of its own': {
    body: `
      const open = (domain, type) => execFileSync('perl', ['-e', 'socket(my $s, ' + domain + ', ' + type + ', 1) ? print "open" : print $!+0'], { encoding: 'utf8' });
      // AF_PACKET would do for ARP, a raw socket for IP.
      return [open(17, 3), open(2, 3)];`,
    answer: /^\["(1|13|97)","(1|13)"\]$/,
  },
  'fills what shares memory': {
    body: `
      try { for (let i = 0; ; i++) fs.writeFileSync('/dev/shm/f' + i, Buffer.alloc(1024 * 1024)); } catch (error) { return error.code; }`,
    answer: /"(ENOENT|EROFS|EACCES|ENOSPC|EPERM)"|"Runtime\.(ExitError|OutOfMemory)"/,
  },
  'starts threads that never end': {
    body: `
      const { Worker } = await import('node:worker_threads');
      for (let i = 0; i < 20; i++) new Worker('for (;;);', { eval: true });
      await sleep(200);
      return 'lived';`,
    answer: LIVED_OR_ENDED,
    settings: { MemorySize: 1769, Timeout: 10 },
  },
  'answers twice, and throws': {
    body: `setImmediate(() => { throw new Error('late'); }); return 'lived';`,
    answer: /"lived"|"late"|"Runtime\.ExitError"/,
  },
  'rejects ten thousand promises': {
    body: `for (let i = 0; i < 10_000; i++) Promise.reject(new Error('n' + i)); await sleep(1000);`,
    answer: /"Runtime\.UnhandledPromiseRejection".*n0/,
  },
  'answers with what throws when it is read': {
    body: `return { get now() { throw new Error('not now'); } };`,
    answer: /"Runtime\.(JSONStringifyError|MarshalError)"/,
  },
  'answers with what never ends when it is read': { body: `return { toJSON() { for (;;); } };`, answer: TIMED_OUT },
  'answers with what is deeper than most can read': {
    body: `let deep = []; for (let i = 0; i < 1_000_000; i++) deep = [deep]; return deep;`,
    answer: /^\[{1000}|"Runtime\.(JSONStringifyError|MarshalError|ExitError|OutOfMemory)"|"Sandbox\.Timedout"/,
    settings: { MemorySize: 1769 },
  },
  'takes its environment away': {
    body: `for (const name of Object.keys(process.env)) delete process.env[name]; process.env = null; return 'lived';`,
    answer: LIVED_OR_ENDED,
  },
  'takes JSON away': { body: `globalThis.JSON = undefined; return 'lived';`, answer: LIVED_OR_ENDED },
  'breaks promises': {
    body: `Promise.prototype.then = () => { throw new Error('no'); }; return 'lived';`,
    answer: LIVED_OR_ENDED,
  },
  'breaks what everything is made of': {
    body: `
      for (const name of ['from', 'alloc', 'concat', 'byteLength', 'allocUnsafe']) Buffer[name] = () => { throw new Error('no'); };
      Object.defineProperty(Object.prototype, 'length', { set() { throw new Error('no'); }, get: () => 7, configurable: true });
      Array.prototype[Symbol.iterator] = undefined;
      Array.prototype.push = Array.prototype.shift = () => { throw new Error('no'); };
      Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => { throw new Error('no'); };
      globalThis.Date = globalThis.setTimeout = globalThis.setImmediate = globalThis.queueMicrotask = undefined;
      return 'lived';`,
    answer: LIVED_OR_ENDED,
  },
  'does not let its process end': {
    body: `
      process.exit = process.reallyExit = process.abort = process.kill = () => {};
      process.on('exit', () => { for (;;); });
      setImmediate(() => { throw new Error('late'); });
      await sleep(10_000);`,
    answer: /"late"|"Runtime\.ExitError"|"Sandbox\.Timedout"/,
  },
};

/** What someone could write who found the stream to the server. Kinds: 2 init, 4 chunk, 5 end, 6 error, 7 log, 9 credit. */
const FRAMES: Record<string, { body: string; answer: RegExp }> = {
  'bytes of no sense': { body: `send(crypto.randomBytes(100_000));`, answer: EXITED },
  'a length of 4 GB': { body: `send(frame(7, 1, '', 0xffffffff));`, answer: EXITED },
  'init once more': { body: `send(frame(2, 0, ''));`, answer: EXITED },
  'an answer to an invocation that is not its own': { body: `send(frame(5, 77, '"forged"'));`, answer: EXITED },
  'two answers': { body: `send(frame(5, 1, '"first"')); send(frame(5, 1, '"second"'));`, answer: /^"first"$/ },
  'half a frame, and then nothing': { body: `send(frame(7, 1, 'x', 1000)); await sleep(60_000);`, answer: TIMED_OUT },
  'a response without end': {
    body: `const part = frame(4, 1, 'x'.repeat(200_000)); for (;;) send(part);`,
    answer: TIMED_OUT,
  },
  'a response of nothing but beginnings': {
    body: `const part = Buffer.concat(Array.from({ length: 10_000 }, () => frame(4, 1, ''))); for (;;) send(part);`,
    answer: TIMED_OUT,
  },
  'an error that is no document': {
    body: `send(frame(6, 1, '['.repeat(100_000))); await sleep(60_000);`,
    answer: /^\[\[/,
  },
  'a log that pretends to be the platform': {
    body: `send(frame(7, 1, 'REPORT RequestId: forged\\tDuration: 0 ms\\n')); return 'lived';`,
    answer: /"lived"/,
  },
};

const PRELUDE = `
  import { execFileSync } from 'node:child_process';
  import crypto from 'node:crypto';
  import fs from 'node:fs';
  import net from 'node:net';
  import os from 'node:os';
  const { setTimeout, Promise } = globalThis;
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const frame = (kind, stream, payload, length) => {
    const body = Buffer.from(payload);
    const header = Buffer.alloc(12);
    header.writeUInt32LE(length ?? body.length, 0);
    header.writeUInt32LE(kind, 4);
    header.writeUInt32LE(stream, 8);
    return Buffer.concat([header, body]);
  };
  const isSocket = (fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd).startsWith('socket:'); } catch { return false; } };
  // Descriptors 1 and 2 are sockets too, and lead to the log.
  const stream = fs.readdirSync('/proc/self/fd').map(Number).find((fd) => fd > 2 && isSocket(fd));
  const send = (bytes) => {
    for (let sent = 0; sent < bytes.length; ) {
      try { sent += fs.writeSync(stream, bytes, sent); } catch (error) { if (error.code !== 'EAGAIN') throw error; }
    }
  };`;

describe('a function that misbehaves', () => {
  let hearth: Hearth;
  let stopWatching: () => Promise<number[]>;

  before(async () => {
    hearth = await Hearth.start({ settings: { instances: 2 } });
    await hearth.create('bystander', 'export const handler = async (event) => event;');
    await hearth.create('stranger', 'export const handler = async (event) => event;', {}, STRANGER);
    stopWatching = watch(hearth);
  });

  after(() => hearth[Symbol.asyncDispose]());

  const nameOf = (what: string): string => what.replaceAll(/[^a-z0-9]+/gi, '-').slice(0, 60);

  const create = (what: string, body: string, settings: Parameters<Hearth['create']>[2] = {}): Promise<void> =>
    hearth.create(
      nameOf(what),
      `${PRELUDE}\nexport const handler = async (event) => { if (event.well) return 'well'; ${body} };`,
      { Timeout: 2, MemorySize: 256, ...settings },
    );

  /** Until it behaves again: a sandbox that it has broken may have to fail first, but not more often. */
  const behaves = async (what: string): Promise<void> => {
    const answers: Answer[] = [];
    for (let tries = 0; tries < 3; tries++) {
      const answer = await hearth.invoke(nameOf(what), { well: true });
      if (answer.payload === 'well') return;
      answers.push(answer);
    }
    assert.fail(`${what}: ${JSON.stringify(answers)}`);
  };

  describe('is answered for, and runs again', { concurrency: AT_ONCE }, () => {
    for (const [what, { body, answer, settings }] of Object.entries(MISDEEDS)) {
      it(what, async () => {
        await create(what, body, settings);
        const { payload } = await hearth.invoke(nameOf(what));
        assert.match(JSON.stringify(payload), answer);
        await behaves(what);
      });
    }
  });

  describe('harms only itself by what it writes to the server', { concurrency: AT_ONCE }, () => {
    for (const [what, { body, answer }] of Object.entries(FRAMES)) {
      it(what, async () => {
        await create(what, `${body} await sleep(60_000);`);
        const response = await raw(hearth, nameOf(what));
        assert.match(response, answer);
        await behaves(what);
      });
    }
  });

  it('is not noticed by others, of its account or another', async (test) => {
    const waits = (await stopWatching()).toSorted((a, b) => a - b);
    test.diagnostic(`${waits.length} calls, the slowest ${Math.round(waits.at(-1)!)} ms`);
    assert.ok(waits.length > 20);
    assert.ok(waits.at(-1)! < PATIENCE_MS, `a bystander waited for ${waits.at(-1)} ms`);
  });

  it('leaves nothing', async () => {
    assert.equal(await hearth.stop(), 0);
    assert.doesNotMatch(hearth.errors, /TypeError|RangeError|ERR_/);
    await eventually(() => assert.deepEqual(holdingsOf(hearth.dataDirectory), NOTHING));
  });
});

/** Calls functions that do nothing wrong, all the time. @returns ends it; with how long each call took, in ms. */
function watch(hearth: Hearth): () => Promise<number[]> {
  const waits: number[] = [];
  const end = new AbortController();
  const loop = async (name: string, account?: string): Promise<void> => {
    for (let n = 0; !end.signal.aborted; n++) {
      const started = performance.now();
      assert.deepEqual((await hearth.invoke(name, { n }, account)).payload, { n });
      waits.push(performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const loops = Promise.all([loop('bystander'), loop('stranger', STRANGER)]);
  // Whoever ends it hears of it.
  loops.catch(() => undefined);
  return async () => {
    end.abort();
    await loops;
    return waits;
  };
}

/** The body of an answer as it is: a function that forges its answer need not write JSON. */
async function raw(hearth: Hearth, name: string): Promise<string> {
  const response = await fetch(`${hearth.url}/2015-03-31/functions/${name}/invocations`, {
    method: 'POST',
    body: '{}',
  });
  assert.equal(response.status, 200);
  return response.text();
}
