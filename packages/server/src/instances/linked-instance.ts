import type { Duplex } from 'node:stream';
import { type FromAgent, type Packages, RUNTIMES } from '@hearth/protocol';
import { AgentLink } from './agent-link.ts';
import type { Clock } from './clock.ts';
import type { CodeSource } from './code-transfer.ts';
import { ConnectionDesk } from './connection-desk.ts';
import type { StreamRole } from './connection-desk.ts';
import { readHello } from './hello.ts';
import { LogBudget } from './log-budget.ts';
import { OutputStreams } from './output-streams.ts';
import { PreloadRequests } from './preload-requests.ts';
import { ProviderError } from './provider.ts';
import type { AgentOrder, Freezer, Instance, InstanceListener, InstanceRequest } from './provider.ts';
import { StreamClaims } from './stream-claims.ts';

/** A connection that says nothing is closed after this. */
const HELLO_TIMEOUT_MS = 5_000;
/** A stream and the message that announces it are milliseconds apart; a machine under load may take seconds. */
const HOLD_MS = 5_000;
/** For the last words of a sandbox that is dead, which are in the kernel's hands. */
const LAST_WORDS_MS = 1_000;
/** While its output's stream has not even been accepted: turns of the event loop, one for each of its first steps and some more. */
const LAST_WORDS_TURNS = 10;
/** AWS's largest ephemeral storage (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const MAX_VOLUME_MB = 10_240;
/** The next sandbox of a slot may be announced before the end of the last one is told. */
const MAX_ANNOUNCED_PER_SLOT = 2;
/** More of what an agent complains of would not help anybody. */
const MOST_PROBLEMS = 8;

/** Spares of each runtime but the built-in one: with 1,000 sandboxes their slots still fit into an instance's network. */
const MOST_OTHER_SPARES = 4;

export interface LinkedInstanceOptions {
  readonly provider: string;
  readonly request: InstanceRequest;
  /** What the agent, and relayed connections, prove themselves with. */
  readonly token: string;
  readonly clock: Clock;
  readonly code: CodeSource;
  /** Makes an empty `/tmp` volume of this size for each slot; `volumesMade` tells the agent when they are there. */
  readonly makeVolumes: (slots: number[], sizeMb: number) => void;
  /** Called once, when an account gets it. */
  readonly onAssigned?: () => void;
  /** A connection from inside to Hearth's own API: plain HTTP from here on, to be bound to `account`. */
  readonly onRelay: (stream: Duplex, account: string, sandbox: string) => void;
  readonly onLog: (level: 'info' | 'warn' | 'error', message: string) => void;
  /** Removes what the provider made; called once, when the instance is disposed of or lost. */
  readonly remove: () => Promise<void>;
}

/**
 * An instance whose agent reaches the server by byte streams, however those are carried: give it each new stream with
 * `accept`. Everything that comes over them is hostile.
 */
export class LinkedInstance implements Instance {
  readonly id: string;
  readonly provider: string;
  readonly memoryMb: number;
  readonly maxSandboxes: number;
  readonly begunAt: number;
  /** Infinity until then. */
  readyAt = Infinity;
  /** Resolves when the agent is ready, rejects when the instance is lost before. */
  readonly ready: Promise<void>;
  freezer?: Freezer;
  readonly #options: LinkedInstanceOptions;
  readonly #desk: ConnectionDesk;
  readonly #claims: StreamClaims;
  readonly #output: OutputStreams;
  readonly #preloads: PreloadRequests;
  readonly #open = new Set<Duplex>();
  readonly #logBudget: LogBudget;
  readonly #goneListeners: ((reason: string) => void)[] = [];
  readonly #settleReady: { resolve: () => void; reject: (error: Error) => void };
  #link: AgentLink | undefined;
  #listener: InstanceListener | undefined;
  #account: string | undefined;
  #gone: string | undefined;
  /** Checks that the agent has not answered, by number. */
  readonly #checks = new Map<number, PromiseWithResolvers<readonly string[]>>();
  #lastCheck = 0;
  #removed: Promise<void> | undefined;

  constructor(options: LinkedInstanceOptions) {
    const { id, memoryMb, maxSandboxes } = options.request;
    this.id = id;
    this.provider = options.provider;
    this.memoryMb = memoryMb;
    this.maxSandboxes = maxSandboxes;
    this.begunAt = options.clock.now();
    this.#options = options;
    this.#preloads = new PreloadRequests(options.clock);
    this.#logBudget = new LogBudget(options.clock, options.onLog);
    this.#claims = new StreamClaims(options.clock, HOLD_MS);
    this.#desk = new ConnectionDesk(options.clock, HOLD_MS, this.#onMatch);
    this.#output = new OutputStreams(options.clock, LAST_WORDS_MS, (connection, bytes) =>
      this.#listener?.onStdio(connection, bytes),
    );
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#settleReady = { resolve, reject };
    // Whoever makes the instance awaits `ready`; a loss after that must not count as unhandled.
    promise.catch(() => undefined);
  }

  get account(): string | undefined {
    return this.#account;
  }

  assign(account: string): void {
    if (this.#account !== undefined && this.#account !== account) {
      throw new ProviderError(
        `instance ${this.id} belongs to account ${this.#account}, not to ${account}`,
        'An instance never changes hands: this is a fault of the server, please report it.',
      );
    }
    if (this.#account === account) return;
    this.#account = account;
    this.#options.onAssigned?.();
    this.#link?.send({ type: 'assign', account });
  }

  preload(packages: readonly Packages[]): Promise<void> {
    const link = this.#link;
    if (this.#gone !== undefined || link === undefined) return Promise.reject(this.#lostError());
    return this.#preloads.ask((request) => link.send({ type: 'preload', request, packages }));
  }

  send(order: AgentOrder): void {
    this.#link?.send(order);
  }

  listen(listener: InstanceListener): void {
    this.#listener = listener;
  }

  claim(connection: string): Promise<Duplex> {
    if (this.#gone !== undefined) return Promise.reject(this.#lostError());
    return this.#claims.claim(connection);
  }

  check(): Promise<readonly string[]> {
    if (this.#gone !== undefined) return Promise.reject(this.#lostError());
    const check = ++this.#lastCheck;
    const answer = Promise.withResolvers<readonly string[]>();
    this.#checks.set(check, answer);
    this.#link?.send({ type: 'check', check });
    return answer.promise;
  }

  onGone(listener: (reason: string) => void): void {
    if (this.#gone !== undefined) listener(this.#gone);
    else this.#goneListeners.push(listener);
  }

  /** A new connection from inside; it has not said who it is yet. */
  accept(stream: Duplex): void {
    if (this.#gone !== undefined) {
      stream.destroy();
      return;
    }
    this.#open.add(stream);
    stream.once('close', () => this.#open.delete(stream));
    // Each owner adds a listener of its own; until then a reset must not end the server.
    stream.on('error', () => stream.destroy());
    readHello(stream, this.#options.clock, HELLO_TIMEOUT_MS, (hello) => {
      if (hello.role === 'sandbox' || hello.role === 'stdio') this.#desk.arrive(hello.role, hello.token, stream);
      else if (hello.token !== this.#options.token) stream.destroy();
      else if (hello.role === 'agent') this.#onAgent(stream);
      else if (this.#account === undefined) stream.destroy();
      else {
        this.#options.onRelay(stream, this.#account, hello.sandbox);
        stream.resume();
      }
    });
  }

  volumesMade(slots: number[]): void {
    this.#link?.send({ type: 'volumes', slots });
  }

  /** The instance is no more: tells whoever listens, once. */
  lose(reason: string): void {
    if (this.#gone !== undefined) return;
    this.#gone = reason;
    this.#settleReady.reject(this.#lostError());
    this.#link?.[Symbol.dispose]();
    this.#desk[Symbol.dispose]();
    this.#claims[Symbol.dispose]();
    this.#preloads[Symbol.dispose]();
    for (const stream of this.#open) stream.destroy();
    for (const { reject } of this.#checks.values()) reject(this.#lostError());
    this.#checks.clear();
    const freezer: (Freezer & Partial<Disposable>) | undefined = this.freezer;
    freezer?.[Symbol.dispose]?.();
    for (const listener of this.#goneListeners.splice(0)) listener(reason);
    this.#remove().catch((error: Error) => this.#options.onLog('error', `instance ${this.id}: ${error.message}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.lose('the server let the instance go');
    await this.#remove();
  }

  get #otherSpares(): number {
    return Math.min(this.#options.request.spares, MOST_OTHER_SPARES);
  }

  get #maxSlots(): number {
    const { maxSandboxes, spares } = this.#options.request;
    return maxSandboxes + spares + (RUNTIMES.length - 1) * this.#otherSpares;
  }

  #remove(): Promise<void> {
    return (this.#removed ??= this.#options.remove());
  }

  #lostError(): ProviderError {
    return new ProviderError(
      `instance ${this.id} is lost: ${this.#gone}`,
      "The server's log has what its agent said last.",
    );
  }

  #onAgent(stream: Duplex): void {
    // One link for life: whoever reconnects with the agent's token is not the agent.
    if (this.#link !== undefined) {
      stream.destroy();
      return;
    }
    this.#link = new AgentLink({
      stream,
      code: this.#options.code,
      account: () => this.#account,
      onMessage: (message) => this.#onMessage(message),
      onClosed: (reason) => this.lose(reason),
    });
    const { runtimes, spares, slots } = this.#options.request;
    const otherSpares = this.#otherSpares;
    this.#link.send({ type: 'configure', runtimes, spares, otherSpares, slots, maxSlots: this.#maxSlots });
    if (this.#account !== undefined) this.#link.send({ type: 'assign', account: this.#account });
  }

  #onMessage(message: FromAgent): void {
    switch (message.type) {
      case 'ready':
        this.readyAt = Math.min(this.readyAt, this.#options.clock.now());
        return this.#settleReady.resolve();
      case 'spare':
        return this.#announce(message.sandbox, message.token);
      case 'want-volumes':
        return this.#makeVolumes(message.slots, message.sizeMb);
      case 'log':
        return this.#logBudget.write(message.level, `instance ${this.id}: ${message.message}`);
      case 'lost':
        return this.#onLost(message);
      case 'health':
        this.#checks.get(message.check)?.resolve(message.problems.slice(0, MOST_PROBLEMS));
        this.#checks.delete(message.check);
        return;
      case 'preloaded':
        return this.#preloads.answered(message);
      case 'placed':
      case 'usage':
        return this.#listener?.onReport(message);
      default:
    }
  }

  /** Told only when what the sandbox wrote last has been handed on. */
  #onLost(message: FromAgent & { type: 'lost' }, turns = 0): void {
    const { connection } = message;
    if (connection === undefined) return this.#listener?.onReport(message);
    if (this.#desk.leave(connection, 'stdio') && turns < LAST_WORDS_TURNS) {
      setImmediate(() => this.#onLost(message, turns + 1));
      return;
    }
    this.#desk.forget(connection);
    this.#claims.forget(connection);
    this.#output.afterLast(connection, () => this.#listener?.onReport(message));
  }

  #announce(connection: string, token: string): void {
    const { spares, maxSandboxes } = this.#options.request;
    if (this.#desk.announced < MAX_ANNOUNCED_PER_SLOT * (maxSandboxes + spares)) this.#desk.announce(connection, token);
    else this.lose('the agent announced more sandboxes than it has slots');
  }

  /** The spawner acts on these numbers with privileges: only what a well-behaved agent asks for gets there. */
  #makeVolumes(slots: number[], sizeMb: number): void {
    const known = (slot: number): boolean => Number.isInteger(slot) && slot >= 0 && slot < this.#maxSlots;
    if (!Array.isArray(slots) || !slots.every(known) || !(sizeMb >= 1 && sizeMb <= MAX_VOLUME_MB)) {
      return this.lose('the agent asked for volumes that no sandbox needs');
    }
    this.#options.makeVolumes(slots, Math.trunc(sizeMb));
  }

  readonly #onMatch = (role: StreamRole, connection: string, stream: Duplex): void => {
    if (role === 'sandbox') this.#claims.offer(connection, stream);
    else this.#output.add(connection, stream);
  };
}
