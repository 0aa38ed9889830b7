import { ApiError } from '@hearth/protocol';
import type { Credential } from '../credential.ts';
import { accountPrincipal } from '../identity.ts';
import type { Principal } from '../identity.ts';
import type { KeyRecord } from './account.ts';

/** A key of an account while the server runs. What changes takes effect with the next request that it has signed. */
export class AccessKey implements Credential {
  record: KeyRecord;
  readonly principal: Principal;
  readonly sessionToken = undefined;
  /** Milliseconds since the epoch; undefined for one that was never used. */
  lastUsedAt: number | undefined;
  /** Of the use that the store knows of. */
  storedUseAt: number | undefined;
  deleted = false;

  constructor(record: KeyRecord) {
    this.record = record;
    this.principal = accountPrincipal(record.account);
    this.lastUsedAt = record.lastUsedAt;
    this.storedUseAt = record.lastUsedAt;
  }

  get account(): string {
    return this.record.account;
  }

  get secretAccessKey(): string {
    return this.record.secret;
  }

  check(): void {
    if (this.deleted || this.record.status !== 'Active') {
      throw new ApiError('UnrecognizedClientException', 'The security token included in the request is invalid.');
    }
  }

  used(now: number): void {
    this.lastUsedAt = now;
  }
}
