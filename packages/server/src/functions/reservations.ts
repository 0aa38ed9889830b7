import { ApiError } from '@hearth/protocol';
import { LIMITS } from './limits.ts';

/** An account in a region. */
interface Tenant {
  readonly account: string;
  readonly region: string;
}

/**
 * Keeps what functions of an account reserve, or have provisioned, within what it has. Reservations that are being written count already, so
 * that two at a time can't take the same.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
 */
export class Reservations {
  /** Executions of an account in a region at once; may change. */
  readonly #limitOf: (account: string) => number;
  /** What is being added, by account and region. */
  readonly #claimed = new Map<string, number>();

  constructor(limitOf: (account: string) => number) {
    this.#limitOf = limitOf;
  }

  /** What an account's functions without a reservation share, where all reservations add up to `reserved`. */
  unreserved(account: string, reserved: number): number {
    return Math.max(0, this.#limitOf(account) - reserved);
  }

  /**
   * Claims what a function reserves more than before, until the claim is disposed of: then it is written or given up.
   *
   * @param reserved what all functions of the account have for themselves.
   * @param more may be negative, which is always possible.
   * @param what is specified, in AWS's words.
   * @throws ApiError InvalidParameterValueException where too little would be left for the other functions.
   */
  claim(
    { account, region }: Tenant,
    reserved: number,
    more: number,
    what: 'ReservedConcurrentExecutions' | 'ConcurrentExecutions',
  ): Disposable {
    const key = `${account}/${region}`;
    const claimed = this.#claimed.get(key) ?? 0;
    const limit = this.#limitOf(account);
    // A smaller account is left all that it has: https://github.com/awslabs/fhir-works-on-aws-deployment/issues/691
    const least = Math.min(LIMITS.unreservedConcurrency, limit);
    if (more > 0 && limit - reserved - claimed - more < least) {
      throw new ApiError(
        'InvalidParameterValueException',
        `Specified ${what} for function decreases account's UnreservedConcurrentExecution below its ` +
          `minimum value of [${least}].`,
      );
    }
    const added = Math.max(0, more);
    this.#claimed.set(key, claimed + added);
    return {
      [Symbol.dispose]: () => {
        const left = this.#claimed.get(key)! - added;
        if (left === 0) this.#claimed.delete(key);
        else this.#claimed.set(key, left);
      },
    };
  }
}
