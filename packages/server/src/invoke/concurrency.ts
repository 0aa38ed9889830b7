import type { FunctionSpec, ThrottleReason } from '@hearth/protocol';

/** Invocations of one account in one region that run. */
interface TenantUse {
  readonly key: string;
  readonly account: string;
  /** All of them. */
  running: number;
  /** Those of functions without reserved concurrency, which share what the reservations leave. */
  unreserved: number;
  /** Sum of the reservations. */
  reserved: number;
  /** How many functions are counted here. */
  functions: number;
}

/** Invocations of one function that run: of all its versions, and whatever they were called by. */
export interface FunctionUse {
  readonly arn: string;
  readonly tenant: TenantUse;
  running: number;
  /** Undefined where none is reserved. */
  reserved: number | undefined;
  /** The function is deleted: what runs is the last of it. */
  forgotten: boolean;
}

/** Which function; its unqualified ARN tells it from all others. */
export type FunctionIdentity = Pick<FunctionSpec, 'account' | 'region' | 'functionArn'>;

/**
 * How much of accounts and functions may run at once. An invocation counts from when it is accepted to its outcome,
 * whether it executes or waits for a sandbox: AWS counts requests in flight. A reservation is both a limit of its function
 * and a guarantee: nobody else may use it, whether it is used or not.
 *
 * Sources: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html and
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
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

  /** The count of a function that exists. */
  of(spec: FunctionIdentity): FunctionUse {
    const use = this.#functions.get(spec.functionArn) ?? this.#add(spec);
    use.forgotten = false;
    return use;
  }

  /** Counts one more invocation, unless a limit is reached: then says which, and has counted nothing. */
  enter(use: FunctionUse): ThrottleReason | undefined {
    const { tenant } = use;
    const limit = this.#limitOf(tenant.account);
    if (use.reserved !== undefined) {
      if (use.running >= use.reserved) return 'ReservedFunctionConcurrentInvocationLimitExceeded';
    } else if (tenant.unreserved >= limit - tenant.reserved) return 'ConcurrentInvocationLimitExceeded';
    // Functions that keep to their own limits are together within the account's, but not while invocations run that
    // began before a reservation was made or given up: also then the account has no more than its limit.
    if (tenant.running >= limit) return 'ConcurrentInvocationLimitExceeded';
    use.running++;
    tenant.running++;
    if (use.reserved === undefined) tenant.unreserved++;
    return undefined;
  }

  /** Why `enter` has said no: in words, with the numbers of this moment. */
  explain({ reserved, running, tenant }: FunctionUse, reason: ThrottleReason): string {
    if (reason === 'ReservedFunctionConcurrentInvocationLimitExceeded') {
      return `the function's reserved concurrency is ${reserved}, and ${running} of its invocations are under way`;
    }
    const limit = this.#limitOf(tenant.account);
    const kept = tenant.reserved === 0 ? '' : `, of which ${tenant.reserved} are reserved for other functions`;
    return `the account has ${tenant.running} invocations under way in this region; its limit is ${limit}${kept}`;
  }

  /** An invocation that entered has its outcome. */
  leave(use: FunctionUse): void {
    use.running--;
    use.tenant.running--;
    if (use.reserved === undefined) use.tenant.unreserved--;
    if (use.forgotten && use.running === 0) this.#remove(use);
  }

  /** The function has another reservation from now on, or none. What runs goes on, and counts against the new limit. */
  reserve(spec: FunctionIdentity, count: number | undefined): void {
    setReserved(this.of(spec), count);
  }

  /** The function is deleted, and its reservation with it. What of it still runs goes on to count for its account. */
  forget(spec: FunctionIdentity): void {
    const use = this.#functions.get(spec.functionArn);
    if (use === undefined) return;
    setReserved(use, undefined);
    use.forgotten = true;
    if (use.running === 0) this.#remove(use);
  }

  #add({ account, region, functionArn: arn }: FunctionIdentity): FunctionUse {
    const key = `${account}/${region}`;
    let tenant = this.#tenants.get(key);
    if (tenant === undefined) {
      tenant = { key, account, running: 0, unreserved: 0, reserved: 0, functions: 0 };
      this.#tenants.set(key, tenant);
    }
    tenant.functions++;
    const use: FunctionUse = { arn, tenant, running: 0, reserved: undefined, forgotten: false };
    this.#functions.set(arn, use);
    return use;
  }

  #remove({ arn, tenant }: FunctionUse): void {
    this.#functions.delete(arn);
    if (--tenant.functions === 0) this.#tenants.delete(tenant.key);
  }
}

function setReserved(use: FunctionUse, count: number | undefined): void {
  const { tenant } = use;
  if (use.reserved === undefined) tenant.unreserved -= use.running;
  if (count === undefined) tenant.unreserved += use.running;
  tenant.reserved += (count ?? 0) - (use.reserved ?? 0);
  use.reserved = count;
}
