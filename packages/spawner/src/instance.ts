/** One local instance: a process tree in namespaces of its own, with what belongs to it on the machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type Cgroup, mount, MS_BIND, MS_SHARED } from '@hearth/linux';
import type { AgentConfig } from '@hearth/protocol';
import { createInterface } from 'node:readline';
import { removeDirectory } from './leftovers.ts';
import { instanceUsers } from './names.ts';
import type { Network, InstanceNetwork } from './network.ts';
import type { Place } from './places.ts';
import { endProcesses } from './processes.ts';
import type { Volumes } from './volumes.ts';

/** Where the parts are that go into every instance. */
export interface Parts {
  /** The Node binary that runs agents and sandboxes. */
  node: string;
  /** Bundles: `init.mjs`, `agent.mjs`, `zygote.mjs`, `zygote-main.mjs`, `runtime/`. */
  dist: string;
  /** A directory with `koffi` and its native part. */
  modules: string;
  /** A directory with a folder for each runtime that the server has fetched. */
  runtimes: string;
}

export interface InstanceOptions {
  id: string;
  memoryMb: number;
  cpus: number;
  socket: string;
  token: string;
}

const MAX_PROCESSES = 32_768;

/** Where fetched runtimes are, as the agent sees them. */
export const RUNTIMES = '/opt/hearth/runtimes';

/** While an instance boots and waits, others that work come first: it takes seconds of processor time to get it ready. */
const WAITING_WEIGHT = 1 / 8;

/** What the first process of an instance is told. */
export interface InitConfig {
  /** An empty directory to build the instance's root on. */
  stage: string;
  /** The user of the machine who is root inside. */
  uid: number;
  parts: Parts;
  socket: string;
  volumes: string;
  disk: string;
  cgroups: Record<string, string>;
}

/** Where spawner and instance speak while the instance is made. */
export const CONTROL_FD = 3;

export class LocalInstance {
  readonly id: string;
  readonly cgroup: Cgroup;
  readonly #place: Place;
  readonly #directory: string;
  readonly #volumes: Volumes;
  #process: ChildProcess | undefined;
  #network: InstanceNetwork | undefined;
  #removal: Promise<void> | undefined;

  /** @param place the instance's own from now on. */
  constructor(id: string, place: Place, cgroup: Cgroup, directory: string, volumes: Volumes) {
    this.id = id;
    this.#place = place;
    this.cgroup = cgroup;
    this.#directory = directory;
    this.#volumes = volumes;
  }

  /**
   * Starts it. Resolves once its agent's process is started.
   *
   * @param onExit called when its first process has ended.
   */
  async start(options: InstanceOptions, parts: Parts, network: Network, onExit: () => void): Promise<void> {
    const { first: uid, count } = instanceUsers(this.#place.index, fs.readFileSync('/proc/self/uid_map', 'latin1'));
    const agentGroup = this.#makeCgroup(options, uid);
    for (const name of ['stage', 'volumes', 'disk']) {
      fs.mkdirSync(join(this.#directory, name), { recursive: true, mode: 0o711 });
    }
    fs.chownSync(join(this.#directory, 'disk'), uid, uid);
    // Shared, so that what is mounted below it later appears inside the instance.
    mount(this.#volumesDirectory(), this.#volumesDirectory(), null, MS_BIND);
    mount(null, this.#volumesDirectory(), null, MS_SHARED);
    const config: InitConfig = {
      stage: join(this.#directory, 'stage'),
      uid,
      parts,
      socket: options.socket,
      volumes: this.#volumesDirectory(),
      disk: join(this.#directory, 'disk'),
      cgroups: this.cgroup.directories,
    };
    const child = spawnFirst(config, agentGroup);
    this.#process = child;
    child.once('exit', onExit);
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => reject(new Error(`its first process ended (${signal ?? code})`)));
    });
    // Once the instance runs, its end is told by `onExit`.
    failed.catch(() => {});
    const control = child.stdio[CONTROL_FD] as Socket;
    const lines = createInterface({ input: control })[Symbol.asyncIterator]();
    const heard = async (): Promise<string> => {
      const line = await Promise.race([lines.next(), failed]);
      return String(line.value);
    };
    const first = await heard();
    const pid = Number(first);
    if (!Number.isInteger(pid)) throw new Error(first);
    fs.writeFileSync(`/proc/${pid}/uid_map`, `0 ${uid} ${count}`);
    fs.writeFileSync(`/proc/${pid}/gid_map`, `0 ${uid} ${count}`);
    this.#network = network.connect(this.#place.index, pid);
    const agent: AgentConfig = {
      instance: this.id,
      token: options.token,
      socket: '/run/hearth/server/sock',
      cgroup: { version: this.cgroup.version, directory: '/run/hearth/cgroup' },
      volumes: '/run/hearth/volumes',
      disk: '/var/hearth',
      runtimes: RUNTIMES,
      network: this.#network.inside,
    };
    control.write(`${JSON.stringify(agent)}\n`);
    const answer = await heard();
    if (answer !== 'entered') throw new Error(answer);
    control.destroy();
  }

  /** It has work to do from now on. */
  activate(): void {
    this.cgroup.setCpuWeight(1);
  }

  mountVolumes(slots: readonly number[], sizeMb: number): void {
    for (const slot of slots) this.#volumes.mount(join(this.#volumesDirectory(), String(slot)), sizeMb);
  }

  /** Ends every process and removes everything. May be called at any moment, more than once. */
  remove(): Promise<void> {
    return (this.#removal ??= this.#remove());
  }

  async #remove(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await endProcesses(this.cgroup);
    this.#network?.disconnect();
    const volumes = this.#volumesDirectory();
    if (fs.existsSync(volumes)) {
      for (const slot of fs.readdirSync(volumes)) this.#volumes.unmount(join(volumes, slot));
      this.#volumes.unmount(volumes);
    }
    this.cgroup.remove();
    removeDirectory(this.#directory);
    this.#place[Symbol.dispose]();
  }

  #volumesDirectory(): string {
    return join(this.#directory, 'volumes');
  }

  /** @returns the group that the agent itself runs in. */
  #makeCgroup(options: InstanceOptions, uid: number): Cgroup {
    this.cgroup.make();
    this.cgroup.setMemoryLimit(options.memoryMb * 1024 * 1024);
    this.cgroup.setCpuLimit(options.cpus);
    this.cgroup.setCpuWeight(WAITING_WEIGHT);
    this.cgroup.setPidsLimit(MAX_PROCESSES);
    const agentGroup = this.cgroup.child('agent');
    agentGroup.make();
    this.cgroup.delegate(uid, uid);
    agentGroup.delegate(uid, uid);
    return agentGroup;
  }
}

/** Starts `init` in the group `cgroup`, with a file tree of its own to build. It dies when this process does. */
function spawnFirst(config: InitConfig, cgroup: Cgroup): ChildProcess {
  const { node, dist } = config.parts;
  const enter = 'n=$1; shift; while [ $n -gt 0 ]; do echo 0 > "$1"; shift; n=$((n-1)); done; exec "$@"';
  const entrances = cgroup.entrances();
  const shell = ['sh', '-c', enter, 'sh', String(entrances.length), ...entrances];
  const init = ['unshare', '--mount', '--propagation', 'unchanged', node, '--no-warnings', join(dist, 'init.mjs')];
  return spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...shell, ...init], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HEARTH_INIT: JSON.stringify(config) },
  });
}
