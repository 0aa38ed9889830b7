import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { ApiError } from '@hearth/protocol';

/** Bodies up to this are parsed as they are. */
const SHORT = 256 * 1024;
/** A string longer than this is taken out of a long body. */
const LONG_STRING = 64 * 1024;
/** What may be left of a long body without its long strings. */
const MAX_REST = 256 * 1024;
/** Characters of base64 decoded before others get their turn, a multiple of four: about half a millisecond. */
const SLICE = 512 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BASE64 = /^[A-Za-z0-9+/_-]*$/;
const LAST_OF_BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** A string of a JSON document that is too long to be handled as one. */
export class LongString {
  readonly #literal: Buffer;
  /** What it says in base64; undefined where it is none. */
  readonly decoded: Buffer | undefined;

  /** @param literal as it stands in the document, between its quotes. */
  constructor(literal: Buffer, decoded: Buffer | undefined) {
    this.#literal = literal;
    this.decoded = decoded;
  }

  text(): string {
    return JSON.parse(`"${this.#literal.toString()}"`) as string;
  }
}

/**
 * The body of a request. Deployment packages travel as one string of up to 70 MB in a small document: to parse that at once, and
 * to decode the string, would keep everybody else waiting for a third of a second. So long strings are taken out first and
 * decoded in slices, and what is parsed is never more than 256 KB.
 */
export class RequestBody {
  readonly bytes: Buffer;
  /** The body without its long strings, or all of it. */
  readonly #text: Buffer;
  /** By what stands in their place. */
  readonly #strings: ReadonlyMap<string, LongString>;

  private constructor(bytes: Buffer, text: Buffer, strings: ReadonlyMap<string, LongString>) {
    this.bytes = bytes;
    this.#text = text;
    this.#strings = strings;
  }

  /** @throws ApiError RequestEntityTooLargeException where too much would have to be parsed at once. */
  static async of(bytes: Buffer): Promise<RequestBody> {
    if (bytes.length <= SHORT) return new RequestBody(bytes, bytes, NONE);
    const parts: Buffer[] = [];
    const strings = new Map<string, LongString>();
    let rest = 0;
    let copied = 0;
    const keep = (end: number): void => {
      rest += end - copied;
      if (rest > MAX_REST) throw tooLong();
      parts.push(bytes.subarray(copied, end));
      copied = end;
    };
    for (let open = bytes.indexOf(QUOTE); open >= 0;) {
      const close = closingQuote(bytes, open + 1);
      if (close - open > LONG_STRING) {
        keep(open + 1);
        const place = randomUUID();
        const literal = bytes.subarray(open + 1, close);
        strings.set(place, new LongString(literal, await decode(literal)));
        parts.push(Buffer.from(place));
        copied = close;
      } else if (close - copied + rest > MAX_REST) throw tooLong();
      open = close < 0 ? -1 : bytes.indexOf(QUOTE, close + 1);
    }
    keep(bytes.length);
    return new RequestBody(bytes, Buffer.concat(parts), strings);
  }

  get length(): number {
    return this.bytes.length;
  }

  /** The JSON value that it holds; strings that were too long are {@link LongString}s. @throws Error where it is none. */
  json(): unknown {
    const text = this.#text.toString();
    if (this.#strings.size === 0) return JSON.parse(text);
    return JSON.parse(text, (name, value: unknown) => {
      if (this.#strings.has(name)) throw new Error('The name of a member is too long.');
      return typeof value === 'string' ? (this.#strings.get(value) ?? value) : value;
    });
  }
}

const NONE: ReadonlyMap<string, LongString> = new Map();

/** The quote that ends a string; -1 where none does. */
function closingQuote(bytes: Buffer, start: number): number {
  // One with many quotes inside is no package, and would be looked at for long.
  for (let quote = bytes.indexOf(QUOTE, start), inside = 0; quote >= 0; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let backslashes = 0;
    while (bytes[quote - 1 - backslashes] === BACKSLASH) if (++backslashes > MAX_REST) throw tooLong();
    if (backslashes % 2 === 0) return quote;
    if (++inside > MAX_REST / 8) throw tooLong();
  }
  return -1;
}

/** @returns undefined for what is no base64. */
async function decode(literal: Buffer): Promise<Buffer | undefined> {
  // Some encoders write `\/` for `/`.
  const plain = literal.includes(BACKSLASH)
    ? Buffer.from(literal.toString('latin1').replaceAll('\\/', '/'), 'latin1')
    : literal;
  const result = Buffer.allocUnsafeSlow(Math.ceil((plain.length * 3) / 4));
  let length = 0;
  for (let start = 0; start < plain.length; start += SLICE) {
    const end = Math.min(plain.length, start + SLICE);
    const text = plain.toString('latin1', start, end);
    if (!(end === plain.length ? LAST_OF_BASE64 : BASE64).test(text)) return undefined;
    length += result.write(text, length, 'base64');
    await setImmediate();
  }
  return result.subarray(0, length);
}

function tooLong(): ApiError {
  return new ApiError(
    'RequestEntityTooLargeException',
    `Request must be smaller than ${MAX_REST} bytes without its deployment package`,
  );
}
