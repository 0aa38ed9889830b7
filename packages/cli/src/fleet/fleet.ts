/** What `GET /_hearth/fleet` answers, as far as it is shown here. Memory in bytes. */
export interface Fleet {
  instances: FleetInstance[];
  /** Absent from a server that keeps no declared set of warm instances. */
  warmingPool?: { general: { configurations: FleetConfiguration[] } };
}

export interface FleetInstance {
  id: string;
  provider: string;
  /** `warming` or `active`. */
  pool: string;
  subPool?: string;
  /** Null where it belongs to nobody yet. */
  account?: string | null;
  memory: { total: number; committed: number; used: number };
  state: string;
  sandboxes?: FleetSandbox[];
}

export interface FleetSandbox {
  id: string;
  function: string;
  version: string;
  state: string;
  memoryUsed?: number;
  /** ISO 8601 or milliseconds since the epoch; null before its first invocation has ended. */
  lastUsed?: string | number | null;
  /** Of an idle one: until when it is kept unless it is needed, ISO 8601, and why. */
  keptUntil?: string | null;
  keptWhy?: string | null;
}

/** Instances of one kind that are kept warm. */
export interface FleetConfiguration {
  name: string;
  target: number;
  ready: number;
  booting: number;
}

/** One line about the instances of a sub-pool. */
export interface PoolLine {
  pool: string;
  subPool: string;
  /** Runtime and size; '' where they are not declared. */
  configuration: string;
  /** How many there should be; undefined where nothing says so. */
  target: number | undefined;
  /** Warm ones that wait; undefined for what is in use. */
  ready: number | undefined;
  booting: number | undefined;
  inUse: number;
}

/** The pools, each with its sub-pools: what is declared, and what of it is there. */
export function poolLines({ instances, warmingPool }: Fleet): PoolLine[] {
  const lines: PoolLine[] = (warmingPool?.general.configurations ?? []).map(({ name, target, ready, booting }) => ({
    pool: 'warming',
    subPool: 'general',
    configuration: name,
    target,
    ready,
    booting,
    inUse: 0,
  }));
  const declared = lines.length > 0;
  const others = new Map<string, PoolLine>();
  for (const { pool, subPool = '-' } of instances) {
    const warm = pool === 'warming';
    if (warm && subPool === 'general' && declared) continue;
    const key = `${pool}/${subPool}`;
    let line = others.get(key);
    if (line === undefined) {
      line = {
        pool,
        subPool,
        configuration: '',
        target: undefined,
        ready: warm ? 0 : undefined,
        booting: undefined,
        inUse: 0,
      };
      others.set(key, line);
    }
    if (warm) line.ready = (line.ready ?? 0) + 1;
    else line.inUse += 1;
  }
  return [...lines, ...[...others].toSorted(([a], [b]) => b.localeCompare(a)).map(([, line]) => line)];
}
