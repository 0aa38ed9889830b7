import type { IncomingMessage } from 'node:http';

/** On whose behalf a request acts, and where. */
export interface Identity {
  /** 12 digits. */
  readonly account: string;
  /** As `us-east-1`. */
  readonly region: string;
  /** `account/region`; the same string object for the same identity, so that maps find it quickly. */
  readonly key: string;
}

/** Decides who sent a request. */
export interface Authenticator {
  /** @throws ApiError where the request may not act for anyone. */
  authenticate(request: IncomingMessage): Identity;
}

/** The region of a request that names none. */
export const DEFAULT_REGION = 'us-east-1';

/** The account of credentials that name none. */
export const DEFAULT_ACCOUNT = '000000000000';
