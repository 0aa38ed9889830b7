import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { FromSpawner, ToSpawner } from '@hearth/protocol';
import { CgroupFreezer } from '../cgroup-freezer.ts';
import type { Clock } from '../clock.ts';
import type { CodeSource } from '../code-transfer.ts';
import { LinkedInstance } from '../linked-instance.ts';
import { ProviderError } from '../provider.ts';
import type { Instance, InstanceRequest, Provider } from '../provider.ts';
import type { SpawnerClient } from './spawner-client.ts';

/** Namespaces, cgroups and a warm zygote take half a second, on a slow machine that is busy a hundred times that: no fault. */
const MAKE_TIMEOUT_MS = 120_000;
/** The spawner kills and unmounts in milliseconds; after this the instance is given up, and removed at the next start. */
const REMOVE_TIMEOUT_MS = 15_000;

export interface LocalProviderOptions {
  readonly spawner: SpawnerClient;
  /** A directory of this server's own for the instances' sockets; made with mode 0700. Its path must be short (108 bytes, unix(7)). */
  readonly runDirectory: string;
  readonly code: CodeSource;
  readonly clock: Clock;
  readonly onRelay: (stream: Duplex, account: string, sandbox: string) => void;
  readonly onLog: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/** Instances of Linux namespaces on this machine, made by the spawner. */
export class LocalProvider implements Provider {
  readonly name = 'local';
  readonly #options: LocalProviderOptions;
  readonly #instances = new Set<LinkedInstance>();
  /** Those that are not ready yet, by id: whether the spawner has been asked, and whether somebody waits for them. */
  readonly #making = new Map<string, { instance: LinkedInstance; asked: boolean; urgent: boolean }>();
  #disposed = false;

  constructor(options: LocalProviderOptions) {
    this.#options = options;
    // Sockets of a former life that was not let end in order.
    rmSync(options.runDirectory, { recursive: true, force: true });
    mkdirSync(options.runDirectory, { recursive: true, mode: 0o700 });
  }

  hurry(id: string): void {
    const making = this.#making.get(id);
    if (making === undefined) return;
    making.urgent = true;
    if (making.asked) this.#ask(making.instance, { type: 'activate', instance: id });
  }

  async make(request: InstanceRequest, signal?: AbortSignal): Promise<Instance> {
    if (this.#disposed) throw new ProviderError('the provider is closed', 'The server is stopping.');
    signal?.throwIfAborted();
    const socket = join(this.#options.runDirectory, `${request.id}.sock`);
    const token = randomBytes(16).toString('hex');
    const server = createServer();
    const removal = new Removal(this.#options, request.id, server, socket);
    const instance = new LinkedInstance({
      ...this.#options,
      provider: this.name,
      request,
      token,
      makeVolumes: (slots, sizeMb) => this.#ask(instance, { type: 'volumes', instance: request.id, slots, sizeMb }),
      onAssigned: () => this.#ask(instance, { type: 'activate', instance: request.id }),
      remove: async () => {
        try {
          await removal.run();
        } finally {
          // Not before: whoever closes the provider waits for removals under way too.
          this.#instances.delete(instance);
        }
      },
    });
    this.#instances.add(instance);
    const making = { instance, asked: false, urgent: false };
    this.#making.set(request.id, making);
    const abort = (): void => instance.lose('its making was called off');
    signal?.addEventListener('abort', abort);
    const timer = this.#options.clock.setTimer(MAKE_TIMEOUT_MS, () =>
      instance.lose(`it was not ready after ${MAKE_TIMEOUT_MS / 1000} s`),
    );
    try {
      await listen(server, socket);
      server.on('connection', (stream) => instance.accept(stream));
      await this.#options.spawner.ready;
      const made = this.#made(instance, removal);
      // Also when asking fails, and nobody gets to await it.
      made.catch(() => undefined);
      removal.spawned = true;
      const { memoryMb, cpus } = request;
      this.#options.spawner.send({ type: 'make', instance: request.id, memoryMb, cpus, socket, token });
      making.asked = true;
      if (making.urgent) this.hurry(request.id);
      await Promise.all([made, instance.ready]);
      return instance;
    } catch (error) {
      await instance[Symbol.asyncDispose]();
      throw error;
    } finally {
      this.#making.delete(request.id);
      timer.cancel();
      signal?.removeEventListener('abort', abort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await Promise.all([...this.#instances].map((instance) => instance[Symbol.asyncDispose]()));
  }

  /** Follows what the spawner says of the instance; resolves when it is made. */
  #made(instance: LinkedInstance, removal: Removal): Promise<void> {
    return new Promise((resolve, reject) => {
      instance.onGone((reason) => reject(new ProviderError(reason, "The server's log has what went before.")));
      this.#options.spawner.subscribe(instance.id, (message: Exclude<FromSpawner, { type: 'ready' | 'refused' }>) => {
        switch (message.type) {
          case 'made':
            instance.freezer = new CgroupFreezer(message.cgroups);
            return resolve();
          case 'failed':
            removal.finished();
            reject(new ProviderError(message.message, message.hint ?? '`hearth doctor` says what this machine lacks.'));
            return instance.lose(message.message);
          case 'gone':
            removal.finished();
            return instance.lose(message.reason);
          case 'volumes':
            return instance.volumesMade(message.slots);
          default:
        }
      });
    });
  }

  #ask(instance: LinkedInstance, message: ToSpawner): void {
    try {
      this.#options.spawner.send(message);
    } catch (error) {
      instance.lose((error as Error).message);
    }
  }
}

/** Undoes the making of one instance: asks the spawner, waits for its word, closes and removes the socket. */
class Removal {
  readonly #options: LocalProviderOptions;
  readonly #id: string;
  readonly #server: Server;
  readonly #socket: string;
  readonly #gone = Promise.withResolvers<void>();
  /** Whether the spawner was asked to make it. */
  spawned = false;

  constructor(options: LocalProviderOptions, id: string, server: Server, socket: string) {
    this.#options = options;
    this.#id = id;
    this.#server = server;
    this.#socket = socket;
  }

  /** The spawner has removed everything of it. */
  finished(): void {
    this.spawned = false;
    this.#gone.resolve();
  }

  async run(): Promise<void> {
    this.#server.close();
    rmSync(this.#socket, { force: true });
    if (!this.spawned) return;
    const { spawner, clock, onLog } = this.#options;
    const timer = clock.setTimer(REMOVE_TIMEOUT_MS, () => {
      onLog('error', `instance ${this.#id} was not removed in ${REMOVE_TIMEOUT_MS / 1000} s`);
      this.#gone.resolve();
    });
    try {
      spawner.send({ type: 'remove', instance: this.#id });
      await this.#gone.promise;
    } catch (error) {
      onLog('warn', `instance ${this.#id} is left to its spawner to remove: ${(error as Error).message}`);
    } finally {
      timer.cancel();
      spawner.unsubscribe(this.#id);
    }
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new ProviderError(
          `no socket at ${path}: ${cause.message}`,
          'Choose a shorter --data directory that is writable.',
          {
            cause,
          },
        ),
      );
    });
    server.listen(path, () => {
      // The agent inside has another uid; the directory above is closed to everyone but the server and the spawner.
      chmodSync(path, 0o777);
      resolve();
    });
  });
}
