/** What a person can set: flags of `hearth up`, a file, a few variables of the environment. Flags win, then the file. */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { BUILT_IN_RUNTIME, type RuntimeId, RUNTIMES } from '@hearth/protocol';
import type { AuthMode } from './auth/mode.ts';
import { POLICY_NAMES, type PolicyName } from './placement/keep-alive/policy.ts';

/** What `hearth up` passes on. */
export interface ServerOptions {
  port: number;
  host: string;
  /** Directory for everything that is kept; made if it isn't there. */
  data?: string | undefined;
  /** A JSON file with any of {@link Settings}. */
  config?: string | undefined;
  auth: AuthMode;
  /** Names of regions with commas between them. */
  regions?: string | undefined;
  /** Warm instances in the general sub-pool. */
  instances?: number | undefined;
  /** The setting of that name. */
  keepAlive?: string | undefined;
}

export interface Settings {
  /** Instances kept warm for whoever comes first, at least. */
  instances: number;
  /** And at most: the number follows the traffic. */
  maxWarmInstances: number;
  /** Instances added to those for each one that is taken. */
  refill: number;
  /** The same while it is busy. */
  busyRefill: number;
  /** It is busy from so many instances taken in a minute on ... */
  busyDrawsPerMinute: number;
  /** ... or so many requests in a second. */
  busyRequestsPerSecond: number;
  /** Hard limit of one instance: MB. A limit is no reservation; a warm instance uses about 50 MB, and 15 MB of the kernel's. */
  instanceMemoryMb: number;
  /** Sizes of the instances that are kept warm: MB; `instanceMemoryMb` unless told otherwise. */
  instanceSizesMb: number[];
  /** What the limits of all instances may add up to: MB. */
  maxMemoryMb: number;
  /** Processors of one instance. */
  instanceCpus: number;
  /**
   * For which runtimes instances are kept warm, each with its runtime's zygote; the built-in one's comes with every instance. Another's is
   * started in an instance when a function wants it, which costs that function's first sandboxes a start anew.
   */
  runtimes: RuntimeId[];
  /** Sandboxes of the built-in runtime forked ahead of demand in each instance. */
  spares: number;
  /** Clean slots kept ready in each instance: what a burst of new sandboxes can take at once. */
  slots: number;
  /** Sandboxes in one instance at most, idle ones included. */
  maxSandboxes: number;
  /** Between two checks of the health of an instance: ms; longer while all are well. 0 for none. */
  healthCheckMs: number;
  /**
   * Requests that begin to wait for room in a second, above which those are refused whose turn would not come in time.
   */
  shedAbove: number;
  /** The policy that says how long an idle sandbox is kept. */
  keepAlive: PolicyName;
  /**
   * `fixed`: an idle sandbox is destroyed after this: ms. `break-even`: idle sandboxes use as much memory together as if each was. 10
   * minutes is what AWS is observed to do for little used functions.
   */
  sandboxIdleMs: number;
  /** An active instance without a sandbox is ended after this: ms; more than `sandboxIdleMs`, and than any policy keeps a sandbox (row Z3). */
  instanceIdleMs: number;
  /**
   * An account whose instances run something in less than this share of their memory, for a minute, gives one back, as long as the others
   * hold all that runs. 0 keeps them until they are empty.
   */
  scaleInBelow: number;
  /** Worker managers; accounts are divided among them. */
  managers: number;
  /** What one of them runs for one account before others come in. */
  managerLeases: number;
  /** An idle sandbox is frozen after this: ms. 0 freezes at once, as AWS does, and costs each call 20 us. */
  freezeAfterMs: number;
  /**
   * Invocations of a quick function that are sent ahead to a busy sandbox at most. One that then takes long without giving way
   * keeps them waiting. 0 sends none.
   */
  ahead: number;
  /** How long the server stays awake for what comes next while a processor is free: ms. 0 sleeps at once. */
  pollMs: number;
  /** Executions of one account at once; AWS's default. */
  concurrency: number;
  /** Connections at once; where one more comes, those that are idle for longest are closed. */
  maxConnections: number;
  /** A request's headers must have come after this: ms. */
  headersTimeoutMs: number;
  /** A request must have come whole after this: ms. The longest one has 70 MB. */
  requestTimeoutMs: number;
  /** A connection without requests is closed after this: ms. Longer than the 60 s for which proxies commonly keep theirs. */
  keepAliveMs: number;
  /** Requests on one connection; 0 for any number. */
  requestsPerConnection: number;
  /** What bodies of requests may take while they come, short ones not counted: MB. */
  maxBodiesMb: number;
  /** How long the credentials of a function are good: ms. Its sandbox is replaced after half of it. */
  sessionMs: number;
}

const MINUTE = 60_000;
/** What agent, zygotes and spares use, and the smallest function. */
const LEAST_INSTANCE_MB = 320;

/** What a setting must have at least, where that is not 0. */
const LEAST: Readonly<Record<string, number>> = {
  instanceCpus: 0.1,
  managers: 1,
  managerLeases: 1,
  refill: 1,
  busyRefill: 1,
  maxConnections: 10,
  headersTimeoutMs: 1000,
  requestTimeoutMs: 1000,
  keepAliveMs: 1,
  // One request of any kind.
  maxBodiesMb: 140,
};

/**
 * A third of the machine each, so that a burst fits into the warm ones; four times the machine in all, so that ten
 * accounts have room: a sandbox may use its full memory size, but few do, and an idle instance uses about 65 MB.
 */
function defaults(): Settings {
  const machineMb = Math.floor(totalmem() / 1024 / 1024);
  return {
    instances: 2,
    maxWarmInstances: 8,
    refill: 1,
    busyRefill: 2,
    busyDrawsPerMinute: 6,
    busyRequestsPerSecond: 200,
    instanceMemoryMb: Math.max(1024, Math.floor(machineMb / 3)),
    // The size above, once that is known.
    instanceSizesMb: [],
    maxMemoryMb: Math.max(8192, 4 * machineMb),
    instanceCpus: availableParallelism(),
    runtimes: [BUILT_IN_RUNTIME],
    spares: 8,
    slots: 64,
    maxSandboxes: 1000,
    healthCheckMs: 5 * MINUTE,
    shedAbove: 100,
    keepAlive: 'break-even',
    sandboxIdleMs: 10 * MINUTE,
    instanceIdleMs: 60 * MINUTE,
    scaleInBelow: 0.5,
    managers: 1,
    managerLeases: 1000,
    freezeAfterMs: 5,
    ahead: 8,
    // A server that stays awake on the only processor keeps the function from its work.
    pollMs: availableParallelism() > 1 ? 0.05 : 0,
    concurrency: 1000,
    maxConnections: 8000,
    headersTimeoutMs: 30_000,
    requestTimeoutMs: 5 * MINUTE,
    keepAliveMs: 65_000,
    requestsPerConnection: 0,
    maxBodiesMb: 512,
    sessionMs: 120 * MINUTE,
  };
}

/** A setting that can't be used. */
export class SettingsError extends Error {
  override name = 'SettingsError';
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** @throws SettingsError that names what is wrong and what would be right. */
export function readSettings(options: ServerOptions, environment: NodeJS.ProcessEnv): Settings {
  const given = options.config === undefined ? {} : readFile(options.config);
  const settings = { ...defaults(), ...given };
  if (given.instanceSizesMb === undefined) settings.instanceSizesMb = [settings.instanceMemoryMb];
  if (environment['HEARTH_SPARES'] !== undefined) settings.spares = Number(environment['HEARTH_SPARES']);
  if (options.instances !== undefined) settings.instances = options.instances;
  if (options.keepAlive !== undefined) settings.keepAlive = options.keepAlive as PolicyName;
  const { runtimes, instanceSizesMb, keepAlive, ...numbers } = settings;
  checkRuntimes(runtimes);
  checkSizes(instanceSizesMb);
  checkKeepAlive(keepAlive);
  for (const [name, value] of Object.entries(numbers)) {
    const least = LEAST[name] ?? 0;
    if (!Number.isFinite(value) || value < least) {
      throw new SettingsError(`${name} is ${String(value)}`, `Give a number of at least ${least}.`);
    }
  }
  if (settings.instanceIdleMs <= settings.sandboxIdleMs) {
    throw new SettingsError('instanceIdleMs is not more than sandboxIdleMs', 'An instance outlives its sandboxes.');
  }
  if (settings.requestTimeoutMs < settings.headersTimeoutMs) {
    throw new SettingsError('requestTimeoutMs is less than headersTimeoutMs', 'The headers are a part of the request.');
  }
  return settings;
}

function checkKeepAlive(keepAlive: string): void {
  if (POLICY_NAMES.some((name) => name === keepAlive)) return;
  throw new SettingsError(`keepAlive is ${JSON.stringify(keepAlive)}`, `Give one of ${POLICY_NAMES.join(', ')}.`);
}

function checkRuntimes(runtimes: unknown): void {
  const known: readonly unknown[] = RUNTIMES;
  if (Array.isArray(runtimes) && runtimes.every((runtime) => known.includes(runtime))) return;
  throw new SettingsError(`runtimes is ${JSON.stringify(runtimes)}`, `Give a list of any of ${RUNTIMES.join(', ')}.`);
}

function checkSizes(sizes: unknown): void {
  const isSize = (size: unknown): boolean => typeof size === 'number' && size >= LEAST_INSTANCE_MB;
  if (Array.isArray(sizes) && sizes.length > 0 && sizes.every(isSize)) return;
  throw new SettingsError(
    `instanceSizesMb is ${JSON.stringify(sizes)}`,
    `Give a list of sizes of at least ${LEAST_INSTANCE_MB} MB.`,
  );
}

/**
 * The regions that signatures may be scoped to: `--regions`, else HEARTH_REGIONS; undefined for any.
 *
 * @throws SettingsError for what is no region's name.
 */
export function readRegions(options: ServerOptions, environment: NodeJS.ProcessEnv): ReadonlySet<string> | undefined {
  const text = options.regions ?? environment['HEARTH_REGIONS'] ?? '';
  if (text === '') return undefined;
  const regions = text.split(',').map((name) => name.trim());
  const wrong = regions.find((name) => !/^[a-z]{2,4}(-[a-z0-9]+){1,4}$/.test(name));
  if (wrong !== undefined) {
    throw new SettingsError(`${JSON.stringify(wrong)} is no region`, 'Write them like  us-east-1,eu-west-1 .');
  }
  return new Set(regions);
}

function readFile(path: string): Partial<Settings> {
  const known = Object.keys(defaults());
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new SettingsError(`${path} can't be read: ${(error as Error).message}`, 'It must be a JSON object.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SettingsError(`${path} holds no JSON object`, 'Use {}.');
  }
  for (const name of Object.keys(value)) {
    if (!known.includes(name))
      throw new SettingsError(`${path}: unknown setting ${name}`, `Known: ${known.join(', ')}.`);
  }
  return value;
}
