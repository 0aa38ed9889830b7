/** Runtimes that Hearth can run, by AWS's identifiers; the first is what a function gets that names none. */
export const RUNTIMES = ['nodejs26.x', 'nodejs24.x', 'nodejs22.x'] as const;

/** The one whose Node is Hearth's own: it is there wherever Hearth is; the others are fetched when they are first used. */
export const BUILT_IN_RUNTIME = 'nodejs26.x';
export type RuntimeId = (typeof RUNTIMES)[number];

/**
 * One function version, as far as running it is concerned. Immutable: a change of code or configuration makes a new
 * spec with a new `key`, so a sandbox made for one spec never serves another.
 */
export interface FunctionSpec {
  /** Unique for account, function, version and revision of its code and configuration; what idle sandboxes are looked up by. */
  readonly key: string;
  /** 12 digits. */
  readonly account: string;
  readonly region: string;
  readonly functionName: string;
  /** `$LATEST` or a number. */
  readonly version: string;
  /** Unqualified ARN. */
  readonly functionArn: string;
  readonly runtime: RuntimeId;
  readonly architecture: 'x86_64' | 'arm64';
  readonly handler: string;
  /** ARN of the execution role; in Hearth a name that its requests carry, and no more. */
  readonly role: string;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  /** Size of `/tmp` in MB. */
  readonly ephemeralStorageMb: number;
  /** The function's own variables; the reserved ones are added by the agent. */
  readonly environment: Readonly<Record<string, string>>;
  readonly code: CodeRef;
  /** Present where it has any: what is merged into `/opt`, where a later one's files take the place of an earlier one's. */
  readonly layers?: readonly CodeRef[];
  readonly logGroup: string;
  /** As GetFunctionConfiguration shows it. */
  readonly runtimeVersionArn?: string;
  /** Present where its LogFormat is JSON. */
  readonly jsonLogs?: JsonLogs;
  /** Present where X-Ray tracing is Active, not just passed through. */
  readonly tracing?: 'Active';
  /** ARN of the capacity provider whose instances it runs on; the account's common ones if absent. */
  readonly capacityProvider?: string;
  /** Present where each sandbox serves one tenant of the function only. */
  readonly tenancy?: 'PER_TENANT';
  /** Present where only capacity of this class may run it, because the invocation asks for that; and the key of what it is otherwise. */
  readonly capacityClass?: { readonly name: CapacityClass; readonly of: string };
  /** Whose it is, where it is for one tenant: his id, and the key of the version that it is of. */
  readonly tenant?: { readonly id: string; readonly of: string };
}

/**
 * Why an invocation runs the version that it runs: `current` is the newest of what it names, `pinned` the number that it names. The others are
 * about an update: the old version serves while the new one is made ready, tried by a part of the invocations, or after it has failed;
 * `canary` is the new version in such a trial.
 */
export type VersionReason =
  | 'current'
  | 'pinned'
  | 'stale-while-downloading'
  | 'stale-during-canary'
  | 'stale-update-failed'
  | 'canary';

/** What a function whose LogFormat is JSON logs: entries of these levels and above. */
export interface JsonLogs {
  /** Of the function's own entries. */
  readonly applicationLevel: 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL';
  /** Of the platform's. */
  readonly systemLevel: 'DEBUG' | 'INFO' | 'WARN';
}

/** Classes of capacity; `on-demand` is what an account has without buying any. */
export const CAPACITY_CLASSES = ['on-demand', 'dedicated', 'reserved', 'variable'] as const;
export type CapacityClass = (typeof CAPACITY_CLASSES)[number];

/** Code by content. */
export interface CodeRef {
  /** Hex SHA-256 of the zip file. */
  readonly sha256: string;
  /** Bytes of the zip file. */
  readonly size: number;
}

/** What has to be fetched for a function. */
export type Packages = Pick<FunctionSpec, 'account' | 'code' | 'layers'>;

/** Hashes of the archives that running it takes. */
export function archivesFor({ code, layers = [] }: Pick<FunctionSpec, 'code' | 'layers'>): string[] {
  return [code.sha256, ...layers.map(({ sha256 }) => sha256)];
}

/** CPU in proportion to memory, as AWS documents it: 1,769 MB are one vCPU. */
export function cpuShare(memoryMb: number): number {
  return memoryMb / 1769;
}
