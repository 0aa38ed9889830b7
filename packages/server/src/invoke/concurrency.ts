import type { FunctionSpec, ThrottleReason } from '@hearth/protocol';

/** Invocations of one account in one region that run. */
interface TenantUse {
  readonly key: string;
  readonly account: string;
  /** All of them. */
  running: number;
  /** Those of functions without reserved concurrency, but for what is provisioned of them: they share what is left. */
  unreserved: number;
  /** Sum of what functions have for themselves: reserved, or else provisioned. */
  claimed: number;
  /** How many functions are counted here. */
  functions: number;
}

/** Invocations that run of one version with provisioned concurrency, or of all others of a function. */
export interface VersionUse {
  readonly function: FunctionUse;
  running: number;
  /** So many of them are on what is provisioned. */
  provisioned: number;
}

/** Invocations of one function that run: of all its versions, and whatever they were called by. */
class FunctionUse {
  readonly arn: string;
  readonly tenant: TenantUse;
  running = 0;
  /** Those of them that are not on provisioned concurrency. */
  onDemand = 0;
  /** Sum over the versions. */
  provisioned = 0;
  /** By key of the spec; absent where no version has provisioned concurrency. */
  versions: Map<string, VersionUse> | undefined;
  /** All other versions. */
  readonly rest: VersionUse = { function: this, running: 0, provisioned: 0 };
  /** Undefined where none is reserved. */
  reserved: number | undefined;
  /** The function is deleted: what runs is the last of it. */
  forgotten = false;

  constructor(arn: string, tenant: TenantUse) {
    this.arn = arn;
    this.tenant = tenant;
  }
}

/** Which function; its unqualified ARN tells it from all others. */
export type FunctionIdentity = Pick<FunctionSpec, 'account' | 'region' | 'functionArn'>;

type VersionIdentity = FunctionIdentity & Pick<FunctionSpec, 'key'>;

/**
 * How much of accounts and functions may run at once. An invocation counts from when it is accepted to its outcome,
 * whether it executes or waits for a sandbox: AWS counts requests in flight. A reservation is both a limit of its function
 * and a guarantee: nobody else may use it, whether it is used or not. What is provisioned of a version is a guarantee alone, and a
 * part of its function's reservation where there is one: beyond it invocations run on demand.
 *
 * Sources: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html and
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html and
 * https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
export class Concurrency {
  /** Invocations of an account in a region at once; may change. */
  readonly #limitOf: (account: string) => number;
  readonly #tenants = new Map<string, TenantUse>();
  /** By ARN. A function stays here until it is deleted, so that calling it makes nothing new. */
  readonly #functions = new Map<string, FunctionUse>();

  constructor(limitOf: (account: string) => number) {
    this.#limitOf = limitOf;
  }

  /** The count of a version that exists. */
  of(spec: VersionIdentity): VersionUse {
    const use = this.#function(spec);
    return use.versions?.get(spec.key) ?? use.rest;
  }

  /** Counts one more invocation, unless a limit is reached: then says which, and has counted nothing. */
  enter(version: VersionUse): ThrottleReason | undefined {
    const use = version.function;
    const { tenant } = use;
    const limit = this.#limitOf(tenant.account);
    const onDemand = version.running >= version.provisioned;
    if (use.reserved !== undefined) {
      const isFull = onDemand && use.onDemand >= use.reserved - use.provisioned;
      if (isFull || use.running >= use.reserved) return 'ReservedFunctionConcurrentInvocationLimitExceeded';
    } else if (onDemand && tenant.unreserved >= limit - tenant.claimed) return 'ConcurrentInvocationLimitExceeded';
    // Functions that keep to their own limits are together within the account's, but not while invocations run that
    // began before a reservation was made or given up: also then the account has no more than its limit.
    if (tenant.running >= limit) return 'ConcurrentInvocationLimitExceeded';
    version.running++;
    use.running++;
    tenant.running++;
    if (onDemand) countOnDemand(use, 1);
    return undefined;
  }

  /** Why `enter` has said no: in words, with the numbers of this moment. */
  explain({ function: use }: VersionUse, reason: ThrottleReason): string {
    const { reserved, running, provisioned, tenant } = use;
    if (reason === 'ReservedFunctionConcurrentInvocationLimitExceeded') {
      const part = provisioned === 0 ? '' : `, of which ${provisioned} are provisioned for certain versions`;
      return `the function's reserved concurrency is ${reserved}${part}, and ${running} of its invocations are under way`;
    }
    const limit = this.#limitOf(tenant.account);
    const kept =
      tenant.claimed === 0 ? '' : `, of which ${tenant.claimed} are reserved for other functions or provisioned`;
    return `the account has ${tenant.running} invocations under way in this region; its limit is ${limit}${kept}`;
  }

  /** An invocation that entered has its outcome. */
  leave(version: VersionUse): void {
    const use = version.function;
    version.running--;
    use.running--;
    use.tenant.running--;
    if (version.running >= version.provisioned) countOnDemand(use, -1);
    if (use.forgotten && use.running === 0) this.#remove(use);
  }

  /** So much is provisioned of a version from now on. What runs goes on, and counts against the new limits. */
  provision(spec: VersionIdentity, count: number): void {
    const use = this.#function(spec);
    let version = use.versions?.get(spec.key);
    if (version === undefined) {
      if (count === 0) return;
      // What runs already entered as one of the others, and leaves as that.
      version = { function: use, running: 0, provisioned: 0 };
      (use.versions ??= new Map()).set(spec.key, version);
    }
    changeClaim(use, () => {
      const before = Math.max(0, version.running - version.provisioned);
      use.provisioned += count - version.provisioned;
      version.provisioned = count;
      use.onDemand += Math.max(0, version.running - count) - before;
    });
    if (count > 0) return;
    use.versions!.delete(spec.key);
    if (use.versions!.size === 0) use.versions = undefined;
  }

  /** The function has another reservation from now on, or none. What runs goes on, and counts against the new limit. */
  reserve(spec: FunctionIdentity, count: number | undefined): void {
    const use = this.#function(spec);
    changeClaim(use, () => (use.reserved = count));
  }

  /** The function is deleted, and its reservation with it. What of it still runs goes on to count for its account. */
  forget(spec: FunctionIdentity): void {
    const use = this.#functions.get(spec.functionArn);
    if (use === undefined) return;
    changeClaim(use, () => {
      use.reserved = undefined;
      for (const version of use.versions?.values() ?? []) {
        use.onDemand += Math.min(version.running, version.provisioned);
        version.provisioned = 0;
      }
      use.provisioned = 0;
    });
    use.versions = undefined;
    use.forgotten = true;
    if (use.running === 0) this.#remove(use);
  }

  #function(spec: FunctionIdentity): FunctionUse {
    const use = this.#functions.get(spec.functionArn) ?? this.#add(spec);
    use.forgotten = false;
    return use;
  }

  #add({ account, region, functionArn: arn }: FunctionIdentity): FunctionUse {
    const key = `${account}/${region}`;
    let tenant = this.#tenants.get(key);
    if (tenant === undefined) {
      tenant = { key, account, running: 0, unreserved: 0, claimed: 0, functions: 0 };
      this.#tenants.set(key, tenant);
    }
    tenant.functions++;
    const use = new FunctionUse(arn, tenant);
    this.#functions.set(arn, use);
    return use;
  }

  #remove({ arn, tenant }: FunctionUse): void {
    this.#functions.delete(arn);
    if (--tenant.functions === 0) this.#tenants.delete(tenant.key);
  }
}

function countOnDemand(use: FunctionUse, by: 1 | -1): void {
  use.onDemand += by;
  if (use.reserved === undefined) use.tenant.unreserved += by;
}

/** Changes what a function has for itself; its account's sums follow. */
function changeClaim(use: FunctionUse, change: () => void): void {
  const { tenant } = use;
  tenant.claimed -= use.reserved ?? use.provisioned;
  if (use.reserved === undefined) tenant.unreserved -= use.onDemand;
  change();
  tenant.claimed += use.reserved ?? use.provisioned;
  if (use.reserved === undefined) tenant.unreserved += use.onDemand;
}
