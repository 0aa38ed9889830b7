/**
 * The agent: root inside its instance, nobody outside. Makes and destroys sandboxes as the server asks over the link;
 * ends, and the whole instance with it, when the link ends.
 */
import * as fs from 'node:fs';
import { dirname, basename, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { architecture, cgroupAt, forkableFilter, installSeccomp } from '@hearth/linux';
import { type AgentConfig, BUILT_IN_RUNTIME, type ToAgent } from '@hearth/protocol';
import { CodeCache } from './code-cache/cache.ts';
import { Preloads } from './code-cache/preloads.ts';
import { examine } from './health.ts';
import { garbageCollector, giveBackMemory } from './garbage.ts';
import { Link } from './link/link.ts';
import { rehearse } from './rehearsal.ts';
import { Relay } from './relay/relay.ts';
import { Slots } from './sandbox/slots.ts';
import { Sandboxes } from './sandboxes.ts';
import { Zygotes } from './zygote/zygotes.ts';

const NETNS = '/run/hearth/netns';

/** An instance that nobody has used after this time may be warm for long, without what its boot left lying about. */
const UNUSED_MS = 1000;

const config = JSON.parse(process.env['HEARTH_AGENT'] ?? '') as AgentConfig;
delete process.env['HEARTH_AGENT'];
// What was rehearsed stays compiled, however long it isn't needed.
setFlagsFromString('--no-flush-bytecode');
// For the zygotes, which inherit it: V8's heap must survive a fork.
installSeccomp(forkableFilter(architecture));

const code = new CodeCache(join(config.disk, 'code'), (account, sha256, sink) => link.fetch(account, sha256, sink));
const preloads = new Preloads(code);
fs.mkdirSync(join(config.disk, 'code'), { recursive: true });
const relay = new Relay({
  socket: config.socket,
  token: config.token,
  sandboxOf: (slot) => sandboxes.inSlot(slot),
});
const slots = new Slots({
  cgroup: cgroupAt(config.cgroup.version, config.cgroup.directory),
  volumes: config.volumes,
  netns: NETNS,
  network: config.network,
  wantVolumes: (numbers, sizeMb) => link.send({ type: 'want-volumes', slots: numbers, sizeMb }),
  serveApi: (slot, listener) => relay.serve(slot, listener),
  warn,
});
const link: Link = new Link(config.socket, config.token, handle, () => process.exit(0));
const zygotes = new Zygotes({
  paths: {
    cgroup: config.cgroup,
    socketDirectory: dirname(config.socket),
    socketName: basename(config.socket),
    netns: NETNS,
  },
  store: config.runtimes,
  disk: config.disk,
  onDead: (sandbox, end) => sandboxes.died(sandbox, end),
  onWarm: (runtime) => {
    sandboxes
      .keepSpares(runtime, otherSpares)
      .catch((error: unknown) => warn(`no spare could be made: ${String(error)}`));
  },
  // Its children die with it: the instance has had its day.
  onGone: (reason) => fail(new Error(reason)),
  warn,
});
const sandboxes = new Sandboxes(slots, code, zygotes, (message) => link.send(message));
let otherSpares = 0;
const collectGarbage = garbageCollector();

async function start(message: ToAgent & { type: 'configure' }): Promise<void> {
  otherSpares = message.otherSpares;
  slots.configure(message.slots, message.maxSlots);
  const others = message.runtimes.filter((runtime) => runtime !== BUILT_IN_RUNTIME);
  // The zygote takes longer to start, and the agent has nothing else to do.
  await Promise.all([zygotes.start(BUILT_IN_RUNTIME), rehearse(join(config.disk, 'rehearsal'))]);
  await sandboxes.keepSpares(BUILT_IN_RUNTIME, message.spares);
  for (const runtime of others) {
    if (await zygotes.startIfPossible(runtime)) await sandboxes.keepSpares(runtime, otherSpares);
  }
  link.send({ type: 'ready' });
  setTimeout(() => {
    if (sandboxes.unused) giveBackMemory(collectGarbage);
  }, UNUSED_MS).unref();
}

function handle(message: ToAgent): void {
  switch (message.type) {
    case 'configure':
      return void start(message).catch(fail);
    case 'assign':
      // Its account comes with each function; there is only ever one.
      return;
    case 'place':
      return void sandboxes.place(message.sandbox, message.spec);
    case 'limit-cpu':
      return sandboxes.limitCpu(message.sandbox);
    case 'destroy':
      return sandboxes.destroy(message.sandbox);
    case 'volumes':
      return slots.volumesCame(message.slots);
    case 'preload':
      return void preload(message).catch(fail);
    case 'measure':
      return link.send({ type: 'usage', sandboxes: sandboxes.usage(message.sandboxes) });
    case 'check':
      return void answerCheck(message.check);
    default:
      throw new Error(`unknown message ${JSON.stringify(message)}`);
  }
}

async function answerCheck(check: number): Promise<void> {
  const problems = await examine({ disk: config.disk, fork: () => sandboxes.proveFork() });
  link.send({ type: 'health', check, problems });
}

async function preload({ request, packages }: ToAgent & { type: 'preload' }): Promise<void> {
  const failure = await preloads.replace(packages);
  link.send({ type: 'preloaded', request, ...(failure !== undefined && { failure }) });
}

function warn(message: string): void {
  link.send({ type: 'log', level: 'warn', message });
}

function fail(error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`hearth agent ${config.instance}: ${message}\n`);
  process.exit(1);
}

process.on('uncaughtException', fail);
// Whoever read it may be gone; there is nobody else to tell.
process.stderr.on('error', () => {});
