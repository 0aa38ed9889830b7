/**
 * The spawner's process. It is started by `hearth up` with privileges and a pipe to the server on descriptor 3, does
 * what protocol/spawner.ts says and nothing else, and removes everything when the pipe closes.
 *
 *     node main.ts DATA_DIRECTORY SERVER_UID
 *
 * Where an ordinary user starts the server, `rootless/main.ts` comes first.
 */
import { once } from 'node:events';
import * as fs from 'node:fs';
import { Socket } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { machineCgroup, MS_PRIVATE, setPropagation } from '@hearth/linux';
import type { FromSpawner, ToSpawner } from '@hearth/protocol';
import { claimDirectory } from './claim.ts';
import { LocalInstance, type Parts } from './instance.ts';
import { removeDirectory, removeLeftovers } from './leftovers.ts';
import { cgroupName, installationId } from './names.ts';
import { Network } from './network.ts';
import { claimPlace } from './places.ts';
import { quickenGroupMoves } from './quick-moves.ts';
import { PIPE_FD } from './pipe.ts';
import { enterOwnNetwork } from './rootless/uplink.ts';
import { DiskVolumes, MemoryVolumes } from './volumes.ts';

const [, , dataDirectory = '', serverUid = ''] = process.argv;
const data = resolve(dataDirectory);
const parts: Parts = {
  node: process.execPath,
  dist: join(import.meta.dirname, '../../../dist'),
  modules: join(dirname(fileURLToPath(import.meta.resolve('koffi'))), '..'),
  runtimes: join(data, 'runtimes'),
};
const installation = installationId(data);
const directory = join(data, 'instances');
const cgroup = machineCgroup().child(cgroupName(installation));
const network = new Network(installation);
/** Root of a user namespace only: the machine's disks, and its network, are out of reach. */
const rootless = process.env['HEARTH_ROOTLESS'] !== undefined;
/** A server that was killed has its processes ended and its files removed in less, on a busy machine too. */
const CLAIM_LIMIT_MS = 15_000;

const instances = new Map<string, LocalInstance>();
const pipe = new Socket({ fd: PIPE_FD });
let ending = false;

function send(message: FromSpawner): void {
  if (!ending) pipe.write(`${JSON.stringify(message)}\n`);
}

async function make(message: ToSpawner & { type: 'make' }): Promise<void> {
  const { instance: id } = message;
  try {
    const place = await claimPlace(instances.size);
    const made = new LocalInstance(id, place, cgroup.child(id), join(directory, id), volumes);
    instances.set(id, made);
    await made.start({ ...message, id }, parts, network, () => {
      remove(id, 'its first process ended').catch(fail);
    });
    const { memory, freezer } = made.cgroup.directories;
    send({ type: 'made', instance: id, cgroups: { version: made.cgroup.version, memory, freezer } });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    send({ type: 'failed', instance: id, message: text, hint: 'run `hearth doctor` to see what this machine lacks' });
    await remove(id, text);
  }
}

async function remove(id: string, reason: string): Promise<void> {
  const instance = instances.get(id);
  if (instance === undefined) return;
  await instance.remove();
  if (instances.delete(id)) send({ type: 'gone', instance: id, reason });
}

async function handle(message: ToSpawner): Promise<void> {
  switch (message.type) {
    case 'make':
      return make(message);
    case 'activate':
      // It may have ended while the request was under way.
      instances.get(message.instance)?.activate();
      return;
    case 'remove':
      return remove(message.instance, 'removed');
    case 'volumes': {
      // An instance may have ended while the request was under way.
      const instance = instances.get(message.instance);
      if (instance === undefined) return;
      instance.mountVolumes(message.slots, message.sizeMb);
      send({ type: 'volumes', instance: message.instance, slots: message.slots });
      return;
    }
    default:
      throw new Error(`unknown message ${JSON.stringify(message)}`);
  }
}

async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  let result = code;
  /** What can't be removed must not keep the rest from being removed. */
  const attempt = async (step: () => void | Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      complain(error);
      result = 1;
    }
  };
  await Promise.all([...instances.values()].map((instance) => attempt(() => instance.remove())));
  await attempt(() => network[Symbol.dispose]());
  await attempt(() => ownNetwork?.[Symbol.dispose]());
  await attempt(() => removeLeftovers(cgroup, directory));
  await attempt(() => removeDirectory(join(data, 'volumes')));
  process.exit(result);
}

function complain(error: unknown): void {
  process.stderr.write(`hearth spawner: ${error instanceof Error ? error.stack : String(error)}\n`);
}

function fail(error: unknown): void {
  complain(error);
  void end(1);
}

process.on('uncaughtException', fail);
// Whoever read it may be gone; there is nobody else to tell.
process.stderr.on('error', () => {});
// The server decides when to end: an interrupt from the terminal reaches both.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

// What is made here others read, sandboxes too; whose umask keeps them from it did not mean that.
process.umask(0o022);
// Mounts are seen here and in the instances, not on the machine.
setPropagation(MS_PRIVATE);
try {
  await claimDirectory(data, CLAIM_LIMIT_MS);
} catch (error) {
  send({ type: 'refused', message: (error as Error).message, hint: 'Stop that one, or give this one another --data.' });
  pipe.end();
  await once(pipe, 'close');
  process.exit(1);
}
const volumes = rootless ? new MemoryVolumes() : new DiskVolumes(join(data, 'volumes'));
await removeLeftovers(cgroup, directory);
cgroup.make();
// The server alone walks into the groups, to freeze and to measure.
for (const path of new Set(Object.values(cgroup.directories))) {
  fs.chownSync(path, Number(serverUid), Number(serverUid));
  fs.chmodSync(path, 0o700);
}
if (!rootless && !quickenGroupMoves(join(data, 'groups'), cgroupName(installation))) {
  process.stderr.write(
    'hearth spawner: this kernel has no favordynmods: a fork takes 8 ms more for each cgroup tree\n',
  );
}
fs.mkdirSync(directory, { recursive: true, mode: 0o711 });
fs.mkdirSync(parts.runtimes, { recursive: true });
const ownNetwork = rootless ? await enterOwnNetwork(join(directory, '.network')) : undefined;
if (ownNetwork?.problem !== undefined) process.stderr.write(`hearth spawner: ${ownNetwork.problem}\n`);
network.open();
pipe.on('close', () => void end(0));
pipe.on('error', () => {});
const requests = createInterface({ input: pipe });
requests.on('line', (line) => {
  handle(JSON.parse(line) as ToSpawner).catch(fail);
});
// The pipe's errors come here too; what matters is that it closes.
requests.on('error', () => {});
send({ type: 'ready', cgroupVersion: cgroup.version });
