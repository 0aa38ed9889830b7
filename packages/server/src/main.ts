/** The server: the one place that knows which adapter is behind which port. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { flushCompileCache, getCompileCacheDir } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createApi } from './api/api.ts';
import { createHttpServer } from './api/http/server.ts';
import { ENDPOINT_VARIABLES } from './api/services.ts';
import { BrowserGuard } from './auth/browser-guard.ts';
import { checkAuthMode } from './auth/mode.ts';
import type { RelaySocket } from './auth/relay.ts';
import { ServerCredentials } from './credentials.ts';
import { Purchases } from './capacity/bought/purchases.ts';
import { machineArchitecture } from './functions/architecture.ts';
import { Functions } from './functions/functions.ts';
import { systemClock } from './instances/clock.ts';
import { LocalProvider } from './instances/local/provider.ts';
import { SpawnerClient } from './instances/local/spawner-client.ts';
import { createFleet } from './invoke/fleet.ts';
import { Logs } from './logs/logs.ts';
import { connectionsThatFit } from './open-files.ts';
import { becomeUser, giveDirectory, serverUser, startedAsRoot } from './privileges.ts';
import { networkSettings } from './runtimes/npm.ts';
import { Runtimes } from './runtimes/runtimes.ts';
import { readRegions, readSettings, type ServerOptions, SettingsError } from './settings.ts';
import { FilesystemBlobStore } from './storage/filesystem/blob-store.ts';
import { DemandFile } from './storage/filesystem/demand-file.ts';
import { SqliteCapacityStore } from './storage/sqlite/capacity-store.ts';
import { SqliteMetadataStore } from './storage/sqlite/metadata-store.ts';
import { createLog, InvocationRecords, LogStore, Metrics, StoredLogs } from './telemetry/index.ts';

export type { ServerOptions } from './settings.ts';

/** Where the server keeps what it keeps unless told otherwise; an ordinary user's by the XDG base directory specification. */
function dataDirectory(environment: NodeJS.ProcessEnv): string {
  if (startedAsRoot()) return '/var/lib/hearth';
  return join(environment['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'hearth');
}

/** How often what log groups no longer retain is removed from the disk; nobody sees it even before. */
const LOG_SWEEP_MS = 60 * 60 * 1000;

const VERSION = '0.1.0';

export interface RunningServer {
  readonly url: string;
  /** Resolves with the exit code when the server has ended, for whatever reason. */
  readonly closed: Promise<number>;
  /** Takes no more work, lets what runs finish, and ends. */
  close(): Promise<void>;
}

/**
 * Starts a server. The process has root's privileges before the call and none after it.
 *
 * @throws errors with a `hint` where a person can do something about it.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const settings = readSettings(options, process.env);
  const regions = readRegions(options, process.env);
  checkAuthMode(options.auth, options.host);
  const data = resolve(options.data ?? dataDirectory(process.env));
  const user = serverUser(process.env);
  giveDirectory(data, user);
  const log = createLog();
  // A closed terminal must not end the server.
  process.stderr.on('error', () => {});

  // Closed again where the start fails: threads and the spawner would keep the process alive.
  await using opened = new AsyncDisposableStack();
  // Before anything is started that could inherit what is secret in the environment.
  const credentials = await ServerCredentials.open({
    mode: options.auth,
    data,
    environment: process.env,
    regions,
    sessionMs: settings.sessionMs,
    onError: (error) => log.error({ error }, 'in the background'),
  });
  opened.use(credentials);
  const spawnerProcess = startSpawner(data, user.uid);
  const spawnerEnded = once(spawnerProcess, 'exit');
  const spawner = new SpawnerClient(spawnerProcess.stdio[3] as unknown as Duplex);
  opened.defer(async () => {
    spawner[Symbol.dispose]();
    await spawnerEnded;
  });
  const metadata = opened.use(await SqliteMetadataStore.open(join(data, 'functions.db')));
  const capacityStore = opened.use(await SqliteCapacityStore.open(join(data, 'capacity.db')));
  const blobs = await FilesystemBlobStore.open(join(data, 'blobs'));
  const logs = new LogStore(join(data, 'logs'), { now: Date.now }, { warn: (message) => log.warn(message) });
  const archive = new StoredLogs(logs);
  const runtimes = new Runtimes({
    data,
    environment: process.env,
    npmSettings: networkSettings(process.env['HOME']),
    onLog: (level, message) => log[level](message),
  });
  const accountConcurrency = (account: string): number =>
    credentials.accounts.limits(account).concurrency ?? settings.concurrency;
  const functions = await Functions.open({
    metadata: await credentials.seal(metadata),
    layers: metadata.layers,
    capacityProviders: metadata.capacityProviders,
    instanceCpus: settings.instanceCpus,
    blobs,
    runtimes,
    architectures: [machineArchitecture()],
    concurrency: accountConcurrency,
    rollout: {
      isWarm: (spec) => fleet.isWarm(spec),
      prepare: (old, next, signal) => fleet.prepare(old, next, signal),
      begun: (old) => fleet.begun(old),
    },
    provisioner: { state: (spec) => fleet.provisionedState(spec) },
    now: Date.now,
    schedule: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds).unref();
      return { [Symbol.dispose]: () => clearTimeout(timer) };
    },
    onError: (error) => log.error({ error }, 'in the background'),
  });
  const sweep = setInterval(() => {
    archive.expire(Date.now()).catch((error: unknown) => log.error({ error }, 'old logs cannot be removed'));
  }, LOG_SWEEP_MS).unref();
  const maxConnections = connectionsThatFit(settings.maxConnections);
  if (maxConnections < settings.maxConnections) {
    log.warn(`only ${maxConnections} connections fit into the limit of open files. Hint: raise it (ulimit -n).`);
  }
  const http = createHttpServer({ ...settings, maxConnections });
  await listen(http, options.port, options.host);
  giveDirectory(data, user);
  // While it may be written: nearly all of this program is loaded by now.
  flushCompileCache();
  becomeUser(user);
  // From here on it is shut down in order.
  opened.move();

  const serverLog = (level: 'info' | 'warn' | 'error', message: string): void => log[level](message);
  const provider = new LocalProvider({
    spawner,
    runDirectory: join(data, 'run'),
    code: { open: (account, sha256) => functions.readCode(account, sha256) },
    clock: systemClock,
    onLog: serverLog,
    onRelay: (stream, account) => {
      const socket = stream as RelaySocket;
      socket.hearthAccount = account;
      http.emit('connection', socket);
    },
  });
  const metrics: Metrics = new Metrics({
    sandboxes: () => fleet.stats().sandboxes,
    instances: () => fleet.stats().instances,
    deferred: () => fleet.stats().deferred,
    droppedLogBytes: () => logs.droppedBytes,
  });
  const records = new InvocationRecords(metrics);
  const fleet = createFleet({
    provider,
    clock: systemClock,
    logs,
    records,
    credentialsFor: (spec) => credentials.for(spec),
    renewAfterMs: credentials.renewAfterMs,
    endpointVariables: ENDPOINT_VARIABLES,
    onLog: serverLog,
    warmInstances: settings.instances,
    instanceMemoryMb: settings.instanceMemoryMb,
    instanceCpus: settings.instanceCpus,
    maxMemoryMb: settings.maxMemoryMb,
    warmRuntimes: settings.runtimes,
    hasRuntime: (runtime) => runtimes.has(runtime),
    warmSizesMb: settings.instanceSizesMb,
    poolSizing: {
      most: settings.maxWarmInstances,
      refill: settings.refill,
      busyRefill: settings.busyRefill,
      busyDrawsPerMinute: settings.busyDrawsPerMinute,
      busyRequestsPerSecond: settings.busyRequestsPerSecond,
    },
    healthCheckMs: settings.healthCheckMs,
    shedAbove: settings.shedAbove,
    history: new DemandFile(join(data, 'demand.json')),
    runtimeComing: (runtime) => runtimes.coming(runtime),
    spares: settings.spares,
    slots: settings.slots,
    maxSandboxes: settings.maxSandboxes,
    freezeAfterMs: settings.freezeAfterMs,
    ahead: settings.ahead,
    pollMs: settings.pollMs,
    keepAlive: settings.keepAlive,
    sandboxKeepAliveMs: settings.sandboxIdleMs,
    instanceKeepAliveMs: settings.instanceIdleMs,
    scaleInBelow: settings.scaleInBelow,
    managers: Math.floor(settings.managers),
    accountLeases: settings.managerLeases,
    accountConcurrency,
    findFunction: (account, region, name) => functions.find({ account, region }, name),
  });
  const purchases = await Purchases.open({
    store: capacityStore,
    capacity: fleet.capacity,
    clock: systemClock,
    onError: (error) => log.error({ error }, 'usage of capacity cannot be written down'),
  });
  for (const runtime of settings.runtimes) runtimes.want(runtime);
  functions.on('changed', (old) => {
    fleet.retire(old);
    fleet.capacity.bought.functionsChanged(old.account);
  });
  functions.on('aliased', ({ account }) => fleet.capacity.bought.functionsChanged(account));
  functions.on('versionDeleted', (old) => fleet.forgetVersion(old));
  functions.on('abandoned', (next) => fleet.retire(next));
  functions.on('deleted', (old) => fleet.forget(old));
  for (const { spec, count } of functions.concurrency.all()) fleet.reserve(spec, count);
  functions.on('reserved', (spec, count) => fleet.reserve(spec, count));
  for (const { arn, maxVCpus } of functions.capacityProviders.all()) fleet.limitProvider(arn, maxVCpus);
  functions.on('capacityProvider', (arn, maxVCpus) => fleet.limitProvider(arn, maxVCpus));
  functions.on('scaled', (spec, scaling) => fleet.scale(spec, scaling));
  functions.on('provisioned', (spec, count) => fleet.provision(spec, count));
  functions.resumeUpdates();
  const api = createApi({
    functions,
    invoker: fleet,
    authenticator: credentials.authenticator,
    sessions: credentials.sessions,
    guard: new BrowserGuard(options.host, options.auth === 'sigv4'),
    logs: new Logs(archive, Date.now),
    operator: {
      version: VERSION,
      ready: () => fleet.ready,
      fleet: () => fleet.view(),
      invocation: (requestId) => records.get(requestId),
      advice: () => fleet.advice(),
      metrics: () => metrics.text(),
      logs,
      runtimes,
      token: credentials.operatorToken,
      accounts: credentials.accounts,
      capacity: { book: purchases, subPools: () => fleet.capacity.subPools() },
      rekey: () => credentials.rekey(),
    },
    log,
    maxBodyBytes: settings.maxBodiesMb * 1024 * 1024,
    now: Date.now,
  });
  http.on('request', (request, response) => api.handle(request, response));

  const closed = Promise.withResolvers<number>();
  let closing: Promise<void> | undefined;
  const close = (code = 0): Promise<void> => (closing ??= shutDown(code));
  async function shutDown(code: number): Promise<void> {
    clearInterval(sweep);
    http.close();
    http.closeIdleConnections();
    functions.pauseUpdates();
    // Before the fleet: invocations may be waiting for one.
    await runtimes[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
    await purchases[Symbol.asyncDispose]();
    http.closeAllConnections();
    await provider[Symbol.asyncDispose]();
    await functions[Symbol.asyncDispose]();
    await Promise.all([
      metadata[Symbol.asyncDispose](),
      capacityStore[Symbol.asyncDispose](),
      credentials[Symbol.asyncDispose](),
      logs[Symbol.asyncDispose](),
    ]);
    spawner[Symbol.dispose]();
    await spawnerEnded;
    closed.resolve(code);
  }
  spawnerProcess.once('exit', (code, signal) => {
    if (closing !== undefined) return;
    log.fatal(`the spawner ended (${signal ?? String(code)}) and its instances with it`);
    void close(1);
  });

  try {
    // A machine on which it can't work is told of once, not by every instance.
    await spawner.ready;
    await fleet.start();
    for (const { spec, count } of functions.provisioned.all()) fleet.provision(spec, count);
    for (const { spec, scaling } of functions.scaling.all()) fleet.scale(spec, scaling);
  } catch (error) {
    await close(1);
    throw error;
  }
  const { port } = http.address() as AddressInfo;
  if (options.auth === 'sigv4' && credentials.accounts.size === 0) {
    log.warn(
      `there are no accounts yet; make one with  hearth account create  (the operator's token is ${credentials.operatorToken!.where})`,
    );
  }
  return { url: `http://${options.host}:${port}`, closed: closed.promise, close: () => close() };
}

/** A process of its own with root's privileges, in a mount namespace that nobody else sees; with an ordinary user's it finds its own way. */
function startSpawner(data: string, uid: number): ReturnType<typeof spawn> {
  const root = startedAsRoot();
  const program = fileURLToPath(import.meta.resolve(root ? '@hearth/spawner/main' : '@hearth/spawner/rootless'));
  const node = [process.execPath, '--no-warnings', program, data, String(uid)];
  const [command = '', ...args] = root ? ['unshare', '--mount', '--propagation', 'unchanged', ...node] : node;
  const cache = getCompileCacheDir();
  const env = { ...process.env, ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }) };
  return spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'], env });
}

async function listen(http: Server, port: number, host: string): Promise<void> {
  http.listen(port, host);
  try {
    await once(http, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const hint =
      code === 'EADDRINUSE'
        ? 'Another server may be running there; choose another --port.'
        : 'Choose another --host or --port.';
    throw new SettingsError(`can't listen on ${host}:${port}: ${message}`, hint);
  }
}
