import type { Principal } from './identity.ts';

/** An access key as the verifier of signatures sees it. */
export interface Credential {
  readonly account: string;
  readonly secretAccessKey: string;
  /** What a request has to show beside the signature; undefined for an account's own keys. */
  readonly sessionToken: string | undefined;
  readonly principal: Principal;
  /** @throws ApiError where it is good no longer. `now` in milliseconds since the epoch. */
  check(now: number): void;
  /** A request has been signed with it. */
  used(now: number): void;
}

/** Where credentials are looked up. */
export interface Credentials {
  /** Undefined where there is none of this id, or the token is not its token. */
  find(accessKeyId: string, sessionToken: string | undefined): Credential | undefined;
}
