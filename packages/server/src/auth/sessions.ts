import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { ApiError } from '@hearth/protocol';
import { base32 } from './base32.ts';
import type { Credential, Credentials } from './credential.ts';
import { accountPrincipal } from './identity.ts';
import type { Principal } from './identity.ts';

/** What session credentials are made for. */
export interface Grant {
  /** 12 digits. */
  readonly account: string;
  /** ARN of the role that the session has; undefined for one that is the account's own. */
  readonly role?: string;
  /** The session's name: a function's, for a function. */
  readonly session: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** AWS credentials in the form that SDKs read. */
export interface SessionKeys {
  /** `ASIA` and 16 characters. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** Session credentials, and who acts with them. */
export interface IssuedSession extends SessionKeys {
  readonly principal: Principal;
}

export interface SessionsOptions {
  /** 32 bytes each. Tokens are made with the first, and good if made with any. */
  readonly secrets: () => readonly Buffer[];
  /** Whether an account (still) exists. */
  readonly exists: (account: string) => boolean;
}

const MAC_BYTES = 32;
const LONGEST_TOKEN = 2048;

/**
 * Short-lived credentials, as functions are given them. Nothing is stored: the token says what it is for, with a
 * signature of ours, and key and secret follow from the token for whoever knows our secret.
 */
export class Sessions implements Credentials {
  readonly #options: SessionsOptions;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  issue({ account, role = '', session, expiresAt }: Grant): IssuedSession {
    const payload = Buffer.from(
      JSON.stringify([account, role, session, expiresAt, randomBytes(12).toString('base64')]),
    );
    const secret = this.#options.secrets()[0]!;
    const sessionToken = Buffer.concat([mac(secret, 'token', payload), payload]).toString('base64');
    return { ...keysOf(secret, payload), sessionToken, principal: principalOf(account, role, session) };
  }

  find(accessKeyId: string, sessionToken: string | undefined): Credential | undefined {
    if (sessionToken === undefined || sessionToken.length > LONGEST_TOKEN || !accessKeyId.startsWith('ASIA')) {
      return undefined;
    }
    const token = Buffer.from(sessionToken, 'base64');
    // Another spelling of the same bytes is no token that was issued.
    if (token.length <= MAC_BYTES || token.toString('base64') !== sessionToken) return undefined;
    const payload = token.subarray(MAC_BYTES);
    const secret = this.#options
      .secrets()
      .find((each) => timingSafeEqual(mac(each, 'token', payload), token.subarray(0, MAC_BYTES)));
    if (secret === undefined) return undefined;
    const keys = keysOf(secret, payload);
    if (keys.accessKeyId !== accessKeyId) return undefined;
    const [account, role, session, expiresAt] = JSON.parse(payload.toString()) as [string, string, string, number];
    const { exists } = this.#options;
    return {
      account,
      secretAccessKey: keys.secretAccessKey,
      sessionToken,
      principal: principalOf(account, role, session),
      check(now) {
        if (!exists(account)) {
          throw new ApiError('UnrecognizedClientException', 'The security token included in the request is invalid.');
        }
        if (now >= expiresAt) {
          throw new ApiError('ExpiredTokenException', 'The security token included in the request is expired');
        }
      },
      used() {},
    };
  }
}

/**
 * Who acts with a session.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
 */
function principalOf(account: string, role: string, session: string): Principal {
  if (role === '') return accountPrincipal(account);
  const name = role.slice(role.lastIndexOf('/') + 1);
  const id = `AROA${base32(createHash('sha256').update(role).digest()).slice(0, 17)}`;
  return { arn: `arn:aws:sts::${account}:assumed-role/${name}/${session}`, userId: `${id}:${session}` };
}

function keysOf(secret: Buffer, payload: Buffer): { accessKeyId: string; secretAccessKey: string } {
  return {
    accessKeyId: `ASIA${base32(mac(secret, 'id', payload)).slice(0, 16)}`,
    secretAccessKey: mac(secret, 'secret', payload).toString('base64').slice(0, 40),
  };
}

function mac(secret: Buffer, purpose: string, payload: Buffer): Buffer {
  return createHmac('sha256', secret).update(`${purpose}\0`).update(payload).digest();
}
