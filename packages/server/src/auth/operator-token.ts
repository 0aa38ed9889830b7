import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import * as fs from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { ApiError } from '@hearth/protocol';

/** Characters of a token at least: 16 random bytes in base 64. */
const SHORTEST = 22;

/**
 * Lets the operator's endpoints be used by whoever has the operator's token, and by nobody else.
 *
 * The token is the whole credential (RFC 6750), so it is compared in constant time, by its hash.
 */
export class OperatorToken {
  readonly #hash: Buffer;
  /** Where a person finds it. */
  readonly where: string;

  constructor(token: string, where: string) {
    this.#hash = hashOf(token);
    this.where = where;
  }

  /**
   * The token in HEARTH_OPERATOR_TOKEN where that is set, else the one in a file, which is made at the first start and
   * is its owner's alone.
   *
   * @throws Error with a hint where the token is none.
   */
  static open(file: string, environment: NodeJS.ProcessEnv): OperatorToken {
    const given = environment['HEARTH_OPERATOR_TOKEN'];
    if (given !== undefined && given !== '') {
      return new OperatorToken(checked(given, 'HEARTH_OPERATOR_TOKEN'), 'in HEARTH_OPERATOR_TOKEN of the server');
    }
    if (!fs.existsSync(file)) {
      const aside = `${file}.new`;
      fs.rmSync(aside, { force: true });
      fs.writeFileSync(aside, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flush: true });
      fs.renameSync(aside, file);
    }
    return new OperatorToken(checked(fs.readFileSync(file, 'utf8').trim(), file), `in ${file}`);
  }

  /** @throws ApiError AccessDeniedException for a request without the token. */
  check({ headers }: IncomingMessage): void {
    const [, token] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    if (token !== undefined && timingSafeEqual(hashOf(token), this.#hash)) return;
    throw new ApiError(
      'AccessDeniedException',
      `This endpoint needs the operator's token as a bearer token. Hint: it is ${this.where}; give it to the hearth command ` +
        'with HEARTH_OPERATOR_TOKEN.',
    );
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function checked(token: string, where: string): string {
  if (token.length >= SHORTEST && /^\S+$/.test(token)) return token;
  throw Object.assign(new Error(`the operator's token in ${where} is too short, or not one word`), {
    hint: 'Give at least 22 random characters, for instance from  openssl rand -hex 32 , or remove it to have one made.',
  });
}
