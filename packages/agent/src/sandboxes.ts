/** The sandboxes of this instance: makes spares, turns them into what the server asks for, ends them. */
import { randomBytes } from 'node:crypto';
import { close } from 'node:fs';
import { O_RDONLY, openFd } from '@hearth/linux';
import {
  BUILT_IN_RUNTIME,
  cpuShare,
  type FromAgent,
  type FunctionSpec,
  PackageError,
  type RuntimeId,
  type StartPath,
} from '@hearth/protocol';
import type { CodeCache } from './code-cache/cache.ts';
import { type FunctionFiles, hasFiles, holdFiles } from './code-cache/function-files.ts';
import { execOrder } from './sandbox/exec.ts';
import { type Gift, giveMounts } from './sandbox/mounts.ts';
import { DEFAULT_VOLUME_MB, type Slot } from './sandbox/slot.ts';
import type { Slots } from './sandbox/slots.ts';
import { Spares } from './sandbox/spares.ts';
import type { SandboxEnd } from './zygote/client.ts';
import type { ExecOrder } from './zygote/orders.ts';
import { SANDBOX_NODE } from './zygote/root.ts';
import type { Zygotes } from './zygote/zygotes.ts';

/** What a spare may use before it is a function's. MB. */
const SPARE_MEMORY_MB = 128;

interface Sandbox {
  /** The id it has as a process, announced in `spare`. */
  readonly connection: string;
  /** The id the server gave it when it was placed. */
  id: string;
  readonly slot: Slot;
  pid: number;
  /** Descriptor of its mount namespace. */
  mounts: number | undefined;
  /** Whether its `/tmp` is mounted. */
  hasVolume: boolean;
  /** Path of the Node that it turns into, as the agent sees it; undefined where it has that already. */
  readonly node: string | undefined;
  spec: FunctionSpec | undefined;
  /** What it has of the cache, from when it has its spec to its end. */
  files: FunctionFiles | undefined;
  ended: boolean;
}

interface Making {
  runtime: RuntimeId;
  volumeMb: number;
  spare?: boolean;
  exec?: ExecOrder;
}

export class Sandboxes {
  readonly #slots: Slots;
  readonly #code: CodeCache;
  readonly #send: (message: FromAgent) => void;
  readonly #zygotes: Pick<Zygotes, 'get' | 'nodeOf' | 'startSoon'>;
  /** By the id they were announced with. */
  readonly #all = new Map<string, Sandbox>();
  /** Placed ones, by the server's id. */
  readonly #placed = new Map<string, Sandbox>();
  readonly #bySlot = new Map<number, Sandbox>();
  readonly #spares = new Map<RuntimeId, Spares<Sandbox>>();
  /** Being made for the server, by its ids. */
  readonly #placing = new Set<string>();
  /** Of these, the ones that the server doesn't want any more. */
  readonly #unwanted = new Set<string>();

  constructor(
    slots: Slots,
    code: CodeCache,
    zygotes: Pick<Zygotes, 'get' | 'nodeOf' | 'startSoon'>,
    send: (message: FromAgent) => void,
  ) {
    this.#zygotes = zygotes;
    this.#slots = slots;
    this.#code = code;
    this.#send = send;
  }

  /** Keeps about this many spares of a runtime ready (spare-target.ts), whose zygote is warm. Resolves when they are there for the first time. */
  async keepSpares(runtime: RuntimeId, count: number): Promise<void> {
    const spares = new Spares<Sandbox>({
      usual: count,
      make: () => this.#make({ runtime, volumeMb: DEFAULT_VOLUME_MB, spare: true }),
      usable: (sandbox) => !sandbox.ended,
      end: (sandbox) => this.#kill(sandbox),
      scarce: () => this.#slots.areUsedUp,
      awaited: () => this.#slots.areUsedUp && this.#slots.areAwaited,
      busy: () => this.#placing.size > 0,
      warn: (message) => this.#send({ type: 'log', level: 'warn', message }),
    });
    this.#spares.set(runtime, spares);
    await spares.fill();
  }

  /** Whether it has no sandbox of a function's at this moment. */
  get unused(): boolean {
    return this.#placed.size === 0 && this.#placing.size === 0;
  }

  /** The server's id of the sandbox in a slot. */
  inSlot(slot: number): string | undefined {
    const sandbox = this.#bySlot.get(slot);
    return sandbox?.spec === undefined ? undefined : sandbox.id;
  }

  /** Makes a sandbox for a function version; answers the server with `placed` or `lost`. */
  async place(id: string, spec: FunctionSpec): Promise<void> {
    const started = performance.now();
    this.#placing.add(id);
    let files: FunctionFiles | undefined;
    let made: Sandbox | undefined;
    try {
      const cached = hasFiles(this.#code, spec);
      const coming = this.#obtain(spec);
      files = await this.#filesFor(spec, coming);
      const codeReady = performance.now();
      const { sandbox, path, reason } = await coming;
      made = sandbox;
      if (this.#unwanted.has(id)) {
        this.#kill(sandbox);
        this.#send({ type: 'lost', sandbox: id, reason: 'destroyed while it was made', exit: null, maxMemoryMb: 0 });
        return;
      }
      if (sandbox.ended) throw new Error('it ended before it could be given its mounts');
      sandbox.id = id;
      sandbox.spec = spec;
      sandbox.files = files;
      this.#placed.set(id, sandbox);
      sandbox.slot.limitMemory(spec.memoryMb);
      const gifts: Gift[] = [{ source: files.code, target: '/var/task', readOnly: true }];
      if (files.layers !== undefined) gifts.push({ source: files.layers, target: '/opt', readOnly: true });
      // It was forked from the zygote of another runtime, whose Node it would start.
      if (sandbox.node !== undefined) gifts.push({ source: sandbox.node, target: SANDBOX_NODE, readOnly: true });
      this.#giveMounts(sandbox, ...gifts);
      this.#send({
        type: 'placed',
        sandbox: id,
        connection: sandbox.connection,
        slot: sandbox.slot.number,
        path,
        reason: `${reason}; code ${cached ? 'in the cache' : 'fetched'}`,
        times: { code: codeReady - started, sandbox: performance.now() - codeReady },
      });
    } catch (error) {
      // Names from the archive stand in it, which may be as long as a frame.
      const reason = (error instanceof Error ? error.message : String(error)).slice(0, MAX_REASON);
      this.#placed.delete(id);
      // The server takes it for lost, and won't end it.
      if (made !== undefined) this.#kill(made);
      const brokenPackage = error instanceof PackageError;
      this.#send({ type: 'lost', sandbox: id, reason, exit: null, maxMemoryMb: 0, brokenPackage });
    } finally {
      // Who has them lets go of them at its end.
      if (made?.files === undefined) files?.[Symbol.dispose]();
      this.#placing.delete(id);
      this.#unwanted.delete(id);
    }
  }

  limitCpu(id: string): void {
    const sandbox = this.#placed.get(id);
    if (sandbox?.spec !== undefined) sandbox.slot.limitCpu(cpuShare(sandbox.spec.memoryMb));
  }

  destroy(id: string): void {
    const sandbox = this.#placed.get(id);
    if (sandbox !== undefined) this.#kill(sandbox);
    else if (this.#placing.has(id)) this.#unwanted.add(id);
  }

  usage(ids: readonly string[]): { sandbox: string; usedBytes: number; maxBytes: number }[] {
    return ids.flatMap((id) => {
      const sandbox = this.#placed.get(id);
      if (sandbox === undefined) return [];
      const { used, max } = sandbox.slot.cgroup.memory();
      return [{ sandbox: id, usedBytes: used, maxBytes: max }];
    });
  }

  /** Forks a sandbox and ends it, to see that it can. Not while all slots are in use: then there is nothing to fork. */
  async proveFork(): Promise<void> {
    if (this.#slots.areUsedUp) return;
    this.#kill(await this.#make({ runtime: BUILT_IN_RUNTIME, volumeMb: DEFAULT_VOLUME_MB, spare: true }));
  }

  /** The zygote says that a sandbox's first process has ended. */
  died(connection: string, end: SandboxEnd): void {
    const sandbox = this.#all.get(connection);
    if (sandbox === undefined) return;
    this.#all.delete(connection);
    this.#placed.delete(sandbox.id);
    sandbox.ended = true;
    sandbox.files?.[Symbol.dispose]();
    // Nobody else holds its mounts any more: the kernel takes them down before this returns, and that takes milliseconds.
    if (sandbox.mounts !== undefined) close(sandbox.mounts);
    sandbox.mounts = undefined;
    for (const spares of this.#spares.values()) spares.ended(sandbox);
    const { maxBytes, outOfMemory } = sandbox.slot.memoryStory();
    const maxMemoryMb = Math.ceil(maxBytes / 1024 / 1024);
    const reason = outOfMemory ? 'killed for want of memory' : `ended (${end.signal ?? end.code})`;
    this.#bySlot.delete(sandbox.slot.number);
    // Told once the slot is clean; by then the server has read what the sandbox itself said last.
    void this.#slots.giveBack(sandbox.slot).finally(() => {
      const exit = { ...end, outOfMemory };
      this.#send({ type: 'lost', sandbox: sandbox.id, connection, reason, exit, maxMemoryMb });
    });
  }

  #kill(sandbox: Sandbox): void {
    if (!sandbox.ended) sandbox.slot.cgroup.kill();
  }

  /** Code and layers, fetched while the sandbox is made; without them the sandbox is of no use. */
  async #filesFor(spec: FunctionSpec, coming: Promise<{ sandbox: Sandbox }>): Promise<FunctionFiles> {
    try {
      return await holdFiles(this.#code, spec);
    } catch (error) {
      coming.then(
        ({ sandbox }) => this.#kill(sandbox),
        () => undefined,
      );
      throw error;
    }
  }

  /** Mounts what the sandbox needs by now, all at one visit. */
  #giveMounts(sandbox: Sandbox, ...gifts: Gift[]): void {
    const { slot, mounts, hasVolume } = sandbox;
    if (mounts === undefined) throw new Error('it ended before it could be given its mounts');
    if (!hasVolume) gifts.push({ source: slot.volume, target: '/tmp', readOnly: false });
    sandbox.hasVolume = true;
    giveMounts(mounts, gifts);
  }

  async #obtain(spec: FunctionSpec): Promise<{ sandbox: Sandbox; path: StartPath; reason: string }> {
    const { runtime, ephemeralStorageMb: volumeMb } = spec;
    const zygote = this.#zygotes.get(runtime);
    const exec = execOrder(spec, zygote);
    if (exec !== undefined) {
      if (zygote === undefined) this.#zygotes.startSoon(runtime);
      return { sandbox: await this.#make({ runtime, volumeMb, exec: exec.order }), path: 'exec', reason: exec.reason };
    }
    if (volumeMb !== DEFAULT_VOLUME_MB) {
      const reason = `a /tmp of ${volumeMb} MB is not kept ready`;
      return { sandbox: await this.#make({ runtime, volumeMb }), path: 'fork', reason };
    }
    const spare = this.#spares.get(runtime)?.take();
    if (spare !== undefined) return { sandbox: spare, path: 'spare', reason: 'a spare was ready' };
    return { sandbox: await this.#make({ runtime, volumeMb }), path: 'fork', reason: 'no spare was ready' };
  }

  /** What starts anew is forked from the zygote that is always there, and turns into the Node of its own runtime. */
  async #make({ runtime, volumeMb, spare = false, exec }: Making): Promise<Sandbox> {
    const forked = exec === undefined ? runtime : BUILT_IN_RUNTIME;
    const zygote = this.#zygotes.get(forked);
    if (zygote === undefined) throw new Error(`the zygote of ${forked} is not ready`);
    const node = forked === runtime ? undefined : this.#zygotes.nodeOf(runtime);
    // After a burst spares have some of the slots that sandboxes may need.
    if (!spare && this.#slots.areUsedUp) [...this.#spares.values()].some((spares) => spares.giveUp());
    const slot = await this.#slots.take();
    const connection = randomBytes(8).toString('hex');
    const token = randomBytes(16).toString('hex');
    const sandbox: Sandbox = {
      connection,
      id: connection,
      slot,
      pid: 0,
      mounts: undefined,
      hasVolume: false,
      node,
      spec: undefined,
      files: undefined,
      ended: false,
    };
    try {
      if (slot.volumeMb !== volumeMb) await this.#slots.resize(slot, volumeMb);
      slot.open(SPARE_MEMORY_MB);
      this.#all.set(connection, sandbox);
      this.#bySlot.set(slot.number, sandbox);
      this.#send({ type: 'spare', sandbox: connection, token, slot: slot.number });
      const order = { sandbox: connection, slot: slot.number, token, spare };
      sandbox.pid = await zygote.fork(exec === undefined ? order : { ...order, exec });
      sandbox.mounts = openFd(`/proc/${sandbox.pid}/ns/mnt`, O_RDONLY);
      if (spare) this.#giveMounts(sandbox);
      return sandbox;
    } catch (error) {
      // What was forked is reaped and its slot comes back through `died`; what wasn't comes back here.
      if (this.#all.has(connection) && sandbox.pid !== 0) this.#kill(sandbox);
      else if (this.#all.delete(connection)) {
        this.#bySlot.delete(slot.number);
        const reason = 'it could not be forked';
        this.#send({ type: 'lost', sandbox: connection, connection, reason, exit: null, maxMemoryMb: 0 });
        await this.#slots.giveBack(slot);
      }
      throw error;
    }
  }
}

/** Characters. */
const MAX_REASON = 1_000;
