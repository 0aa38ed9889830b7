import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { ApiError } from '@hearth/protocol';

/** Where code is downloaded. */
export const CODE_PATH = '/_hearth/code/';

/** Seconds that a link works, as on AWS: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html */
const LIFETIME = 600;

/**
 * Links that download the code of a function or a layer version with no credentials. Nobody can guess one: it carries a signature by a key
 * that is made anew whenever the server starts.
 */
export class CodeLinks {
  readonly #key = randomBytes(32);
  readonly #now: () => number;

  /** @param now milliseconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param host as the caller calls this server. */
  make(host: string, sha256: string): string {
    const expires = Math.floor(this.#now() / 1000) + LIFETIME;
    return `http://${host}${CODE_PATH}${sha256}?expires=${expires}&signature=${this.#sign(sha256, expires)}`;
  }

  /**
   * The SHA-256 that a link is for.
   *
   * @throws ApiError AccessDeniedException for a link that isn't ours or is too old.
   */
  check(path: string, query: URLSearchParams): string {
    const sha256 = path.slice(CODE_PATH.length);
    const expires = Number(query.get('expires'));
    const given = Buffer.from(query.get('signature') ?? '');
    const right = Buffer.from(this.#sign(sha256, expires));
    if (given.length !== right.length || !timingSafeEqual(given, right)) {
      throw new ApiError(
        'AccessDeniedException',
        'The link to the code is not valid. Hint: call GetFunction or GetLayerVersion again.',
      );
    }
    if (expires * 1000 < this.#now()) {
      throw new ApiError(
        'AccessDeniedException',
        'The link to the code has expired. Hint: call GetFunction or GetLayerVersion again.',
      );
    }
    return sha256;
  }

  #sign(sha256: string, expires: number): string {
    return createHmac('sha256', this.#key).update(`${sha256} ${expires}`).digest('base64url');
  }
}
