import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { ZipFile } from 'yazl';
import { Accounts } from '../../auth/accounts/accounts.ts';
import { BrowserGuard } from '../../auth/browser-guard.ts';
import { DevAuthenticator } from '../../auth/dev.ts';
import { OperatorToken } from '../../auth/operator-token.ts';
import { Sessions } from '../../auth/sessions.ts';
import { SignedAuthenticator } from '../../auth/signed.ts';
import { Purchases } from '../../capacity/bought/purchases.ts';
import { Capacity } from '../../capacity/capacity.ts';
import { declare } from '../../capacity/configuration.ts';
import { Functions } from '../../functions/functions.ts';
import type { ProvisionedState, Rollout } from '../../functions/ports.ts';
import { systemClock } from '../../instances/clock.ts';
import { FakeProvider } from '../../instances/testing/fake-provider.ts';
import { MemoryCode } from '../../instances/testing/spec.ts';
import type { DeferrableCall } from '../../invoke/deferral/ports.ts';
import type { Invocation, InvocationOutcome, InvocationRecord } from '../../invoke/invocation.ts';
import { SqliteAccountStore } from '../../storage/sqlite/account-store.ts';
import { SqliteCapacityStore } from '../../storage/sqlite/capacity-store.ts';
import { FilesystemBlobStore } from '../../storage/filesystem/blob-store.ts';
import { SqliteMetadataStore } from '../../storage/sqlite/metadata-store.ts';
import { Logs } from '../../logs/logs.ts';
import { LogStore, StoredLogs } from '../../telemetry/index.ts';
import { createApi } from '../api.ts';
import { createHttpServer } from '../http/server.ts';
import type { HttpLimits } from '../http/server.ts';
import type { LogLine } from '../ports.ts';
import { SERVICES } from '../services.ts';

/** What the operator's endpoints ask for where signatures are checked. */
export const OPERATOR_TOKEN = 'the-token-of-the-operator';

const MB = 1024 * 1024;

const HTTP: HttpLimits = {
  maxConnections: 1000,
  headersTimeoutMs: 30_000,
  requestTimeoutMs: 60_000,
  keepAliveMs: 65_000,
  requestsPerConnection: 0,
};

export interface ApiServerOptions {
  /** A directory to use again; a new one otherwise. */
  readonly data?: string;
  /** Of an account. */
  readonly concurrency?: number;
  /** Whether signatures are checked. */
  readonly auth?: 'dev' | 'sigv4';
  readonly http?: Partial<HttpLimits>;
  /** See {@link Functions}; changes are live at once without one. */
  readonly rollout?: Rollout;
  readonly maxBodyBytes?: number;
}

/** What an API works on. */
interface ApiServerParts {
  readonly server: Server;
  readonly functions: Functions;
  readonly store: LogStore;
  readonly accounts: Accounts;
  readonly provisioned: Map<string, ProvisionedState>;
  readonly capacity: Capacity;
  readonly purchases: Purchases;
}

/** An API on a real port with real stores, and a stand-in for what runs functions, which tests may change. */
export class ApiServer implements AsyncDisposable {
  readonly server: Server;
  readonly functions: Functions;
  /** Where functions would log. */
  readonly store: LogStore;
  readonly accounts: Accounts;
  /** How far what keeps sandboxes has got, by version. */
  readonly provisioned: Map<string, ProvisionedState>;
  /** On instances of this process. */
  readonly capacity: Capacity;
  readonly url: string;
  /** What was logged as Hearth's own failure. */
  readonly failures: unknown[] = [];
  readonly invocations: Invocation[] = [];
  readonly deferred: DeferrableCall[] = [];
  /** When and as what a deferrable one begins; at once unless a test says otherwise. */
  defer: (call: DeferrableCall) => Promise<Invocation> = async (call) => call.resolveAgain();
  readonly records = new Map<string, InvocationRecord>();
  readonly lines: LogLine[] = [];
  ready = true;
  /** How often the master key was changed. */
  rekeys = 0;
  /** Milliseconds added to the clock. */
  skew = 0;
  /** Chooses where an alias names two versions. */
  random: () => number = Math.random;
  /** Echoes unless a test says otherwise. */
  run: (invocation: Invocation) => Promise<InvocationOutcome> = async ({ payload }) => ({ payload, startPath: 'warm' });
  readonly #stack: AsyncDisposableStack;

  private constructor(maxBodyBytes: number, parts: ApiServerParts, signed: boolean, stack: AsyncDisposableStack) {
    const { server, functions, accounts, capacity, purchases } = parts;
    this.server = server;
    this.accounts = accounts;
    this.provisioned = parts.provisioned;
    this.capacity = capacity;
    this.functions = functions;
    this.store = parts.store;
    this.#stack = stack;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const now = () => Date.now() + this.skew;
    const services = new Set(SERVICES.map(({ signingName }) => signingName));
    const secrets = [randomBytes(32)];
    const exists = (account: string) => !signed || accounts.exists(account);
    const sessions = new Sessions({ secrets: () => secrets, exists });
    const api = createApi({
      functions,
      invoker: {
        invoke: (invocation) => {
          this.invocations.push(invocation);
          return this.run(invocation);
        },
        invokeWhenCheap: async (call) => {
          this.deferred.push(call);
          const invocation = await this.defer(call);
          this.invocations.push(invocation);
          return { invocation, outcome: await this.run(invocation) };
        },
      },
      authenticator: signed
        ? new SignedAuthenticator({ credentials: [accounts, sessions], services, regions: undefined, now })
        : new DevAuthenticator(sessions),
      sessions,
      guard: new BrowserGuard(),
      logs: new Logs(new StoredLogs(this.store), () => Date.now() + this.skew),
      operator: {
        version: '1.2.3',
        ready: () => this.ready,
        fleet: () => ({ instances: [] }),
        invocation: (id) => this.records.get(id),
        advice: () => ({ functions: [] }),
        metrics: () => 'hearth_up 1\n',
        runtimes: { list: () => [], view: () => ({}), want: () => {} },
        logs: {
          tail: async () => this.lines,
          follow: async function* (this: ApiServer) {
            yield* this.lines;
          }.bind(this),
        },
        token: signed ? new OperatorToken(OPERATOR_TOKEN, 'here') : undefined,
        accounts,
        capacity: { book: purchases, subPools: () => capacity.subPools() },
        rekey: async () => void (this.rekeys += 1),
      },
      log: { error: ({ error }) => this.failures.push(error) },
      maxBodyBytes,
      now,
      random: () => this.random(),
    });
    server.on('request', (request, response) => api.handle(request, response));
  }

  static async start({
    data,
    concurrency = 1000,
    http,
    auth = 'dev',
    maxBodyBytes = 256 * MB,
    rollout,
  }: ApiServerOptions = {}): Promise<ApiServer> {
    await using stack = new AsyncDisposableStack();
    let directory = data;
    if (directory === undefined) {
      const made = await mkdtemp(join(tmpdir(), 'hearth-api-'));
      stack.defer(() => rm(made, { recursive: true }));
      directory = made;
    }
    const metadata = stack.use(await SqliteMetadataStore.open(join(directory, 'functions.db')));
    const provisioned = new Map<string, ProvisionedState>();
    const functions = stack.use(
      await Functions.open({
        metadata,
        layers: metadata.layers,
        capacityProviders: metadata.capacityProviders,
        instanceCpus: 2,
        blobs: await FilesystemBlobStore.open(join(directory, 'code')),
        runtimes: { state: () => 'ready', failure: () => undefined, want: () => {} },
        architectures: ['x86_64'],
        concurrency: () => concurrency,
        provisioner: { state: ({ version }) => provisioned.get(version) ?? { ready: 0, failure: undefined } },
        now: Date.now,
        ...(rollout === undefined ? {} : { rollout }),
        schedule: (milliseconds, callback) => {
          const timer = setTimeout(callback, milliseconds);
          timer.unref();
          return { [Symbol.dispose]: () => clearTimeout(timer) };
        },
        onError: (error) => {
          throw error;
        },
      }),
    );
    const store = stack.use(new LogStore(join(directory, 'logs'), { now: Date.now }));
    const accountStore = stack.use(await SqliteAccountStore.open(join(directory, 'accounts.db')));
    const onError = (error: unknown) => {
      throw error;
    };
    const repeat = () => ({ [Symbol.dispose]: () => {} });
    const accounts = stack.use(await Accounts.open({ store: accountStore, now: Date.now, repeat, onError }));
    const capacityStore = stack.use(await SqliteCapacityStore.open(join(directory, 'capacity.db')));
    const provider = stack.use(new FakeProvider({ code: new MemoryCode(), handlers: {} }));
    const capacity = stack.use(
      new Capacity({
        provider,
        clock: systemClock,
        configurations: declare(['nodejs26.x'], [1536]),
        hasRuntime: () => true,
        sizing: {
          least: 0,
          most: 0,
          refill: 0,
          busyRefill: 0,
          busyDrawsPerMinute: Infinity,
          busyRequestsPerSecond: Infinity,
        },
        requests: () => 0,
        load: () => 0,
        healthCheckMs: 0,
        instanceMemoryMb: 1536,
        overheadMb: 192,
        instanceCpus: 1,
        spares: 1,
        slots: 1,
        maxSandboxes: 100,
        maxMemoryMb: 8192,
        atOnce: 4,
        findFunction: (account, region, name) => functions.find({ account, region }, name),
        onPrepared: () => undefined,
        onLog: () => undefined,
      }),
    );
    const purchases = stack.use(await Purchases.open({ store: capacityStore, capacity, clock: systemClock, onError }));
    await capacity.start();
    const server = createHttpServer({ ...HTTP, ...http });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    stack.defer(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    });
    const signed = auth === 'sigv4';
    const parts = { server, functions, store, accounts, provisioned, capacity, purchases };
    return new ApiServer(maxBodyBytes, parts, signed, stack.move());
  }

  /** An SDK client as a user has it. */
  client(accessKeyId = 'AKIDEXAMPLE', region = 'us-east-1'): LambdaClient {
    return new LambdaClient({
      endpoint: this.url,
      region,
      credentials: { accessKeyId, secretAccessKey: 'secret' },
      maxAttempts: 1,
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** A zip file of these files. */
export async function zipOf(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) zip.addBuffer(Buffer.from(content as string), name);
  zip.end();
  return buffer(zip.outputStream);
}
