import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import type { FromSpawner, ToSpawner } from '@hearth/protocol';
import { systemClock } from '../clock.ts';
import { settled } from '../../invoke/testing/test-fleet.ts';
import { FakeAgent } from '../testing/fake-agent.ts';
import { MemoryCode } from '../testing/spec.ts';
import { LocalProvider } from './provider.ts';
import { SpawnerClient } from './spawner-client.ts';

/** A provider whose spawner is the test: its agents connect to the real sockets. */
class Subject implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'hearth-local-'));
  readonly asked: ToSpawner[] = [];
  readonly agents = new Map<string, FakeAgent>();
  readonly spawner: SpawnerClient;
  readonly provider: LocalProvider;
  readonly say: (message: FromSpawner) => void;
  /** How the next instance fails to be made. */
  failure: { message: string; hint: string } | undefined;
  readonly #pipe;

  constructor() {
    const [ours, theirs] = duplexPair();
    this.#pipe = theirs;
    this.say = (message) => void theirs.write(`${JSON.stringify(message)}\n`);
    createInterface({ input: theirs }).on('line', (line) => this.#handle(JSON.parse(line) as ToSpawner));
    this.spawner = new SpawnerClient(ours);
    this.provider = new LocalProvider({
      spawner: this.spawner,
      runDirectory: join(this.directory, 'run'),
      code: new MemoryCode(),
      clock: systemClock,
      onRelay: (stream) => stream.destroy(),
      onLog: () => undefined,
    });
    const slot = join(this.directory, 's3');
    mkdirSync(slot);
    for (const file of ['cgroup.freeze', 'memory.current', 'memory.peak']) writeFileSync(join(slot, file), '4096');
    this.say({ type: 'ready', cgroupVersion: 2 });
  }

  make() {
    const size = { memoryMb: 256, cpus: 1, runtimes: [], spares: 1, slots: 1, maxSandboxes: 4 };
    return this.provider.make({ id: `i-${this.asked.length}`, ...size });
  }

  end(): void {
    this.#pipe.end();
  }

  #handle(message: ToSpawner): void {
    this.asked.push(message);
    const { instance } = message;
    if (message.type === 'make' && this.failure !== undefined) this.say({ type: 'failed', instance, ...this.failure });
    else if (message.type === 'make') {
      const { token, socket } = message;
      const connect = () => createConnection(socket);
      this.agents.set(instance, new FakeAgent({ token, connect, handlers: {} }));
      const { directory } = this;
      this.say({ type: 'made', instance, cgroups: { version: 2, memory: directory, freezer: directory } });
    } else if (message.type === 'remove') {
      this.agents.get(instance)?.kill();
      this.say({ type: 'gone', instance, reason: 'removed' });
    } else if (message.type === 'volumes') this.say({ type: 'volumes', instance, slots: message.slots });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.provider[Symbol.asyncDispose]();
    this.spawner[Symbol.dispose]();
    rmSync(this.directory, { recursive: true });
  }
}

test('an instance is made by the spawner, reached over its own socket, and removed', async () => {
  await using subject = new Subject();
  const instance = await subject.make();
  const run = join(subject.directory, 'run');
  assert.equal(statSync(run).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(run), [`${instance.id}.sock`]);
  assert.equal(instance.freezer!.memory(3).used, 4096);
  await instance[Symbol.asyncDispose]();
  assert.deepEqual(
    subject.asked.map(({ type }) => type),
    ['make', 'remove'],
  );
  assert.deepEqual(readdirSync(run), []);
});

test('volumes that the agent wants are asked of the spawner, and told to the agent', async () => {
  await using subject = new Subject();
  const instance = await subject.make();
  const agent = subject.agents.get(instance.id)!;
  const told = new Promise<void>((resolve) =>
    agent.link.on('data', () => {
      if (agent.received.some(({ type }) => type === 'volumes')) resolve();
    }),
  );
  agent.send({ type: 'want-volumes', slots: [0, 1], sizeMb: 512 });
  await told;
  assert.deepEqual(subject.asked.at(-1), { type: 'volumes', instance: instance.id, slots: [0, 1], sizeMb: 512 });
});

test('an instance gets its whole share of the processors when an account gets the instance', async () => {
  await using subject = new Subject();
  const instance = await subject.make();
  const activated = () => subject.asked.filter(({ type }) => type === 'activate');
  assert.deepEqual(activated(), []);
  instance.assign('111111111111');
  instance.assign('111111111111');
  await settled();
  assert.deepEqual(activated(), [{ type: 'activate', instance: instance.id }]);
});

test("the spawner's failure comes with its hint, and leaves nothing", async () => {
  await using subject = new Subject();
  subject.failure = { message: 'cgroups are missing', hint: 'mount them' };
  await assert.rejects(subject.make(), { name: 'ProviderError', message: /cgroups are missing/, hint: 'mount them' });
  assert.deepEqual(readdirSync(join(subject.directory, 'run')), []);
});

test('an instance is lost with its spawner, and no other can be made', async () => {
  await using subject = new Subject();
  const instance = await subject.make();
  const gone = new Promise<string>((resolve) => instance.onGone(resolve));
  subject.end();
  assert.equal(await gone, 'the spawner is gone');
  await assert.rejects(subject.make(), { name: 'ProviderError', message: /the spawner is gone/ });
  assert.equal(existsSync(join(subject.directory, 'run', `${instance.id}.sock`)), false);
});
