/**
 * Tells whether bytes are one JSON document (RFC 8259), without building anything of it. The bytes may come in pieces,
 * so that a long document need not hold up the thread. Whether they are UTF-8 is for others to check.
 */
export class JsonScanner {
  #state: State = State.value;
  /** One byte for each container that is open: 1 is an object, 0 a list. */
  #stack = new Uint8Array(64);
  #depth = 0;
  /** Of the literal (`true`, `false`, `null`) or the escape that is being read. */
  #literal = '';
  #seen = 0;
  /** Whether the string that is being read is a member's name. */
  #name = false;
  #offset = 0;

  /** Where the first byte stands that fits no JSON document; undefined as long as there is none. */
  error: number | undefined;

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    if (this.error !== undefined) return;
    let i = 0;
    while (i < bytes.length) {
      if (this.#state === State.string) {
        i = this.#skipText(bytes, i);
        if (i === bytes.length) break;
      }
      if (!this.#step(bytes[i]!)) {
        this.error = this.#offset + i;
        return;
      }
      i += 1;
    }
    this.#offset += bytes.length;
  }

  /** Whether all bytes together are one whole document. Where they end too early, `error` is their end. */
  end(): boolean {
    if (this.error !== undefined) return false;
    if (this.#depth === 0 && (this.#state === State.after || endsNumber(this.#state))) return true;
    this.error = this.#offset;
    return false;
  }

  /** The place of the first byte from `from` on that is not plain text of a string. */
  #skipText(bytes: Uint8Array, from: number): number {
    let i = from;
    while (i < bytes.length) {
      const byte = bytes[i]!;
      if (byte === 0x22 || byte === 0x5c || byte < 0x20) return i;
      i += 1;
    }
    return i;
  }

  #step(byte: number): boolean {
    switch (this.#state) {
      case State.string:
        if (byte === 0x22) this.#state = this.#name ? State.colon : State.after;
        else if (byte === 0x5c) this.#state = State.escape;
        else return false;
        return true;
      case State.escape:
        if (byte === 0x75) {
          this.#seen = 0;
          this.#state = State.unicode;
          return true;
        }
        this.#state = State.string;
        return ESCAPES.has(byte);
      case State.unicode:
        this.#seen += 1;
        if (this.#seen === 4) this.#state = State.string;
        return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
      case State.literal:
        if (byte !== this.#literal.charCodeAt(this.#seen)) return false;
        this.#seen += 1;
        if (this.#seen === this.#literal.length) this.#state = State.after;
        return true;
      case State.minus:
      case State.zero:
      case State.integer:
      case State.point:
      case State.fraction:
      case State.exponent:
      case State.sign:
      case State.power:
        return this.#number(byte);
      default:
        return isSpace(byte) || this.#structure(byte);
    }
  }

  /** Between values and around them. */
  #structure(byte: number): boolean {
    switch (this.#state) {
      case State.firstItem:
        return byte === 0x5d ? this.#close(0) : this.#value(byte);
      case State.value:
        return this.#value(byte);
      case State.firstName:
        if (byte === 0x7d) return this.#close(1);
        return this.#startName(byte);
      case State.name:
        return this.#startName(byte);
      case State.colon:
        this.#state = State.value;
        return byte === 0x3a;
      default:
        if (this.#depth === 0) return false;
        if (byte === 0x2c) {
          this.#state = this.#stack[this.#depth - 1] === 1 ? State.name : State.value;
          return true;
        }
        return byte === 0x7d ? this.#close(1) : byte === 0x5d && this.#close(0);
    }
  }

  #startName(byte: number): boolean {
    this.#name = true;
    this.#state = State.string;
    return byte === 0x22;
  }

  #value(byte: number): boolean {
    switch (byte) {
      case 0x22:
        this.#name = false;
        this.#state = State.string;
        return true;
      case 0x7b:
        this.#open(1);
        this.#state = State.firstName;
        return true;
      case 0x5b:
        this.#open(0);
        this.#state = State.firstItem;
        return true;
      case 0x2d:
        this.#state = State.minus;
        return true;
      case 0x30:
        this.#state = State.zero;
        return true;
      case 0x74:
        return this.#startLiteral('true');
      case 0x66:
        return this.#startLiteral('false');
      case 0x6e:
        return this.#startLiteral('null');
      default:
        this.#state = State.integer;
        return isDigit(byte);
    }
  }

  #startLiteral(literal: string): true {
    this.#literal = literal;
    this.#seen = 1;
    this.#state = State.literal;
    return true;
  }

  #number(byte: number): boolean {
    const digit = isDigit(byte);
    const exponent = byte === 0x45 || byte === 0x65;
    switch (this.#state) {
      case State.minus:
        this.#state = byte === 0x30 ? State.zero : State.integer;
        return digit;
      case State.point:
        this.#state = State.fraction;
        return digit;
      case State.exponent:
        this.#state = digit ? State.power : State.sign;
        return digit || byte === 0x2b || byte === 0x2d;
      case State.sign:
        this.#state = State.power;
        return digit;
      default:
    }
    if (digit) return this.#state !== State.zero;
    if (byte === 0x2e && (this.#state === State.zero || this.#state === State.integer)) {
      this.#state = State.point;
      return true;
    }
    if (exponent && this.#state !== State.power) {
      this.#state = State.exponent;
      return true;
    }
    this.#state = State.after;
    return isSpace(byte) || this.#structure(byte);
  }

  #open(container: 0 | 1): void {
    if (this.#depth === this.#stack.length) {
      const larger = new Uint8Array(this.#stack.length * 2);
      larger.set(this.#stack);
      this.#stack = larger;
    }
    this.#stack[this.#depth] = container;
    this.#depth += 1;
  }

  #close(container: 0 | 1): boolean {
    this.#depth -= 1;
    this.#state = State.after;
    return this.#stack[this.#depth] === container;
  }
}

const State = {
  value: 0,
  firstItem: 1,
  firstName: 2,
  name: 3,
  colon: 4,
  after: 5,
  string: 6,
  escape: 7,
  unicode: 8,
  literal: 9,
  minus: 10,
  zero: 11,
  integer: 12,
  point: 13,
  fraction: 14,
  exponent: 15,
  sign: 16,
  power: 17,
} as const;
type State = (typeof State)[keyof typeof State];

/** `"`, `\`, `/`, b, f, n, r, t. */
const ESCAPES: ReadonlySet<number> = new Set([0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74]);

function endsNumber(state: State): boolean {
  return state === State.zero || state === State.integer || state === State.fraction || state === State.power;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
