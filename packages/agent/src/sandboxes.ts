/** The sandboxes of this instance: makes spares, turns them into what the server asks for, ends them. */
import { randomBytes } from 'node:crypto';
import { close } from 'node:fs';
import { O_RDONLY, openFd } from '@hearth/linux';
import { cpuShare, type FromAgent, type FunctionSpec, type StartPath } from '@hearth/protocol';
import type { CodeCache } from './code-cache/cache.ts';
import { execOrder } from './sandbox/exec.ts';
import { type Gift, giveMounts } from './sandbox/mounts.ts';
import { DEFAULT_VOLUME_MB, type Slot } from './sandbox/slot.ts';
import type { Slots } from './sandbox/slots.ts';
import type { SandboxEnd, ZygoteClient } from './zygote/client.ts';
import type { ExecOrder } from './zygote/orders.ts';

/** The runtime that the zygote forks. */
const RUNTIME = 'nodejs26.x';

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
  spec: FunctionSpec | undefined;
  ended: boolean;
}

export class Sandboxes {
  readonly #slots: Slots;
  readonly #code: CodeCache;
  readonly #send: (message: FromAgent) => void;
  #zygote: ZygoteClient | undefined;
  /** By the id they were announced with. */
  readonly #all = new Map<string, Sandbox>();
  /** Placed ones, by the server's id. */
  readonly #placed = new Map<string, Sandbox>();
  readonly #bySlot = new Map<number, Sandbox>();
  readonly #spares: Sandbox[] = [];
  /** Being made for the server, by its ids. */
  readonly #placing = new Set<string>();
  /** Of these, the ones that the server doesn't want any more. */
  readonly #unwanted = new Set<string>();
  #spareTarget = 0;
  #sparesComing = 0;
  #refillTimer: NodeJS.Timeout | undefined;

  constructor(slots: Slots, code: CodeCache, send: (message: FromAgent) => void) {
    this.#slots = slots;
    this.#code = code;
    this.#send = send;
  }

  /** From now on sandboxes are forked from this zygote. */
  use(zygote: ZygoteClient): void {
    this.#zygote = zygote;
  }

  /** Keeps this many spares ready. Resolves when they are there for the first time. */
  async keepSpares(count: number): Promise<void> {
    this.#spareTarget = count;
    await this.#refill();
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
    try {
      if (spec.runtime !== RUNTIME) throw new Error(`this instance has no ${spec.runtime}`);
      const cached = this.#code.has(spec.code.sha256);
      const coming = this.#obtain(spec);
      const code = await this.#codeFor(spec, coming);
      const codeReady = performance.now();
      const { sandbox, path, reason } = await coming;
      if (this.#unwanted.has(id)) {
        this.#kill(sandbox);
        this.#send({ type: 'lost', sandbox: id, reason: 'destroyed while it was made', exit: null, maxMemoryMb: 0 });
        return;
      }
      sandbox.id = id;
      sandbox.spec = spec;
      this.#placed.set(id, sandbox);
      sandbox.slot.limitMemory(spec.memoryMb);
      this.#giveMounts(sandbox, { source: code, target: '/var/task', readOnly: true });
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
      this.#send({ type: 'lost', sandbox: id, reason, exit: null, maxMemoryMb: 0 });
    } finally {
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

  /** The zygote says that a sandbox's first process has ended. */
  died(connection: string, end: SandboxEnd): void {
    const sandbox = this.#all.get(connection);
    if (sandbox === undefined) return;
    this.#all.delete(connection);
    this.#placed.delete(sandbox.id);
    sandbox.ended = true;
    // Nobody else holds its mounts any more: the kernel takes them down before this returns, and that takes milliseconds.
    if (sandbox.mounts !== undefined) close(sandbox.mounts);
    sandbox.mounts = undefined;
    const spare = this.#spares.indexOf(sandbox);
    if (spare >= 0) this.#spares.splice(spare, 1);
    const { maxBytes, outOfMemory } = sandbox.slot.memoryStory();
    const maxMemoryMb = Math.ceil(maxBytes / 1024 / 1024);
    const reason = outOfMemory ? 'killed for want of memory' : `ended (${end.signal ?? end.code})`;
    this.#bySlot.delete(sandbox.slot.number);
    // Told once the slot is clean; by then the server has read what the sandbox itself said last.
    void this.#slots.giveBack(sandbox.slot).finally(() => {
      this.#send({ type: 'lost', sandbox: sandbox.id, reason, exit: { ...end, outOfMemory }, maxMemoryMb });
    });
    if (spare >= 0) this.#refillLater();
  }

  #kill(sandbox: Sandbox): void {
    if (!sandbox.ended) sandbox.slot.cgroup.kill();
  }

  /** The code, fetched while the sandbox is made; without code the sandbox is of no use. */
  async #codeFor(spec: FunctionSpec, coming: Promise<{ sandbox: Sandbox }>): Promise<string> {
    try {
      return await this.#code.get(spec.account, spec.code);
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
    const exec = execOrder(spec);
    if (exec !== undefined) {
      return {
        sandbox: await this.#make(spec.ephemeralStorageMb, false, exec.order),
        path: 'exec',
        reason: exec.reason,
      };
    }
    if (spec.ephemeralStorageMb !== DEFAULT_VOLUME_MB) {
      const reason = `a /tmp of ${spec.ephemeralStorageMb} MB is not kept ready`;
      return { sandbox: await this.#make(spec.ephemeralStorageMb, false), path: 'fork', reason };
    }
    const spare = this.#spares.pop();
    if (spare !== undefined) {
      this.#refillLater();
      return { sandbox: spare, path: 'spare', reason: 'a spare was ready' };
    }
    return { sandbox: await this.#make(DEFAULT_VOLUME_MB, false), path: 'fork', reason: 'no spare was ready' };
  }

  async #make(volumeMb: number, spare: boolean, exec?: ExecOrder): Promise<Sandbox> {
    const zygote = this.#zygote;
    if (zygote === undefined) throw new Error('the zygote is not ready');
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
      spec: undefined,
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
        await this.#slots.giveBack(slot);
      }
      throw error;
    }
  }

  /** After what the server waits for, but not later than if that never came to an end. */
  #refillLater(waits = 0): void {
    if (this.#refillTimer !== undefined) return;
    this.#refillTimer = setTimeout(() => {
      this.#refillTimer = undefined;
      if (this.#placing.size > 0 && waits < MOST_WAITS) return this.#refillLater(waits + 1);
      this.#refill().catch((error: unknown) => {
        this.#send({ type: 'log', level: 'warn', message: `no spare could be made: ${String(error)}` });
      });
    }, REFILL_DELAY_MS).unref();
  }

  async #refill(): Promise<void> {
    const missing = this.#spareTarget - this.#spares.length - this.#sparesComing;
    const coming = Array.from({ length: Math.max(0, missing) }, async () => {
      this.#sparesComing++;
      try {
        const sandbox = await this.#make(DEFAULT_VOLUME_MB, true);
        if (!sandbox.ended) this.#spares.push(sandbox);
      } finally {
        this.#sparesComing--;
      }
    });
    await Promise.all(coming);
  }
}

/** Characters. */
const MAX_REASON = 1_000;
/** Spares are replaced a moment after one is taken, so that its first invocation has the processor to itself. */
const REFILL_DELAY_MS = 5;
const MOST_WAITS = 100;
