/** A tenant. JSON. */
export interface AccountRecord {
  /** 12 digits. */
  readonly id: string;
  /** For people; may be empty. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly limits: AccountLimits;
}

/** What an account may use; what is not here is as the server's settings say. */
export interface AccountLimits {
  /** Executions at once. */
  readonly concurrency?: number;
}

export type KeyStatus = 'Active' | 'Inactive';

/** An access key of an account. JSON. */
export interface KeyRecord {
  /** `AKIA` and 16 characters. */
  readonly id: string;
  readonly account: string;
  /** 40 characters. Sealed in the store. */
  readonly secret: string;
  readonly status: KeyStatus;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch; undefined for one that was never used. Up to a minute behind in the store. */
  readonly lastUsedAt?: number;
}

/**
 * Keys of an account that are active at most, so that one can be made and spread before the other goes.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
 */
export const MAX_ACTIVE_KEYS = 2;

/** Keys of an account in all: deactivated ones are kept until they are deleted. */
export const MAX_KEYS = 10;
