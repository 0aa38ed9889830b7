import { ApiError } from '@hearth/protocol';

/** Characters are numbered by their ASCII code; all that have none are one. */
export const SYMBOLS = 129;
export const OTHER = 128;

/** A program of states; a search for it begins at `start` at each character. */
export interface Program {
  readonly states: readonly State[];
  readonly start: number;
}

/** `next` and `other` are numbers of states. */
export type State =
  | { readonly kind: 'set'; readonly set: Uint8Array; next: number }
  | { readonly kind: 'fork'; next: number; other: number }
  | { readonly kind: 'begin' | 'end'; next: number }
  | { readonly kind: 'match' };

/** Beyond it a search would take too long; repetitions by number count as often as they say. */
const MAX_STATES = 300;

const LITERAL = /[A-Za-z0-9_:#=@/;,-]/;
const CLASSES: Readonly<Record<string, RegExp>> = { d: /\d/, w: /\w/, s: /\s/ };

/**
 * Reads a regular expression of filter patterns. There are no groups and no characters beyond ASCII.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html ("Supported regex syntax").
 *
 * @throws ApiError InvalidParameterException
 */
export function parseRegex(text: string): Program {
  return new Parser(text).parse();
}

/** Makes the states that one part of the expression takes, and gives the first; `next` is what follows it. */
type Part = (next: number) => number;

class Parser {
  readonly #text: string;
  readonly #states: State[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Program {
    if (this.#text === '') throw wrong('it is empty');
    const branches = [this.#branch()];
    while (this.#accept('|')) branches.push(this.#branch());
    const end = this.#add({ kind: 'match' });
    const starts = branches.map((parts) => parts.reduceRight((next, part) => part(next), end));
    const start = starts.reduceRight((other, next) => this.#add({ kind: 'fork', next, other }));
    return { states: this.#states, start };
  }

  #branch(): Part[] {
    const parts: Part[] = [];
    while (this.#at < this.#text.length && this.#text[this.#at] !== '|') parts.push(this.#repeated(this.#atom()));
    return parts;
  }

  #atom(): Part {
    if (this.#accept('^')) return (next) => this.#add({ kind: 'begin', next });
    if (this.#accept('$')) return (next) => this.#add({ kind: 'end', next });
    const set = this.#accept('[') ? this.#class() : this.#accept('.') ? setOf(() => true) : this.#character();
    return (next) => this.#add({ kind: 'set', set, next });
  }

  #repeated(part: Part): Part {
    if (this.#accept('*')) return (next) => this.#loop(part, next);
    if (this.#accept('+')) return (next) => part(this.#loop(part, next));
    if (this.#accept('?')) return (next) => this.#add({ kind: 'fork', next: part(next), other: next });
    if (!this.#accept('{')) return part;
    const [, min, comma, max] = this.#take(/(\d{1,3})(?:(,)(\d{0,3}))?\}/y, 'a number of repetitions');
    const least = Number(min);
    if (comma === undefined) return (next) => times(least, part, next);
    if (max === '') return (next) => times(least, part, this.#loop(part, next));
    if (Number(max) < least) throw wrong(`{${min},${max}} ends before it begins`);
    const optional: Part = (next) => this.#add({ kind: 'fork', next: part(next), other: next });
    return (next) => times(least, part, times(Number(max) - least, optional, next));
  }

  #loop(part: Part, next: number): number {
    const fork = { kind: 'fork' as const, next: -1, other: next };
    const at = this.#add(fork);
    fork.next = part(at);
    return at;
  }

  #character(): Uint8Array {
    if (this.#accept('\\')) return this.#escape();
    const character = this.#text[this.#at]!;
    if (!LITERAL.test(character)) throw wrong(`${JSON.stringify(character)} is not supported in it`);
    this.#at++;
    return setOf((other) => other === character);
  }

  #escape(): Uint8Array {
    const [character = ''] = this.#take(/x[0-9A-Fa-f]{2}|[!-~ ]/y, 'something to escape');
    if (character.length === 3)
      return setOf((other) => other === String.fromCharCode(parseInt(character.slice(1), 16)));
    const known = CLASSES[character.toLowerCase()];
    if (known === undefined) {
      if (/[A-Za-z0-9]/.test(character)) throw wrong(`\\${character} is not supported in it`);
      return setOf((other) => other === character);
    }
    return setOf((other) => known.test(other) === (character === character.toLowerCase()));
  }

  #class(): Uint8Array {
    const negated = this.#accept('^');
    const set = new Uint8Array(SYMBOLS);
    while (!this.#accept(']')) {
      if (this.#at >= this.#text.length) throw wrong('a bracket has no partner');
      const [first = ''] = this.#text.slice(this.#at);
      const [, low, high] = /^([A-Za-z0-9])-([A-Za-z0-9])/.exec(this.#text.slice(this.#at)) ?? [];
      let part: Uint8Array;
      if (low !== undefined && high !== undefined) {
        if (low > high) throw wrong(`the range ${low}-${high} is empty`);
        part = setOf((other) => other >= low && other <= high);
        this.#at += 3;
      } else if ('.*+?$|{}'.includes(first)) {
        part = setOf((other) => other === first);
        this.#at++;
      } else part = this.#character();
      for (const [symbol, member] of part.entries()) set[symbol]! |= member;
    }
    return negated ? set.map((member) => 1 - member) : set;
  }

  #accept(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #take(expression: RegExp, what: string): RegExpExecArray {
    expression.lastIndex = this.#at;
    const match = expression.exec(this.#text);
    if (match === null) throw wrong(`${what} is missing`);
    this.#at += match[0].length;
    return match;
  }

  #add(state: State): number {
    if (this.#states.length >= MAX_STATES) throw wrong('it is too long');
    return this.#states.push(state) - 1;
  }
}

function times(count: number, part: Part, next: number): number {
  let first = next;
  for (let i = 0; i < count; i++) first = part(first);
  return first;
}

function setOf(has: (character: string) => boolean): Uint8Array {
  // U+0100 stands for all that isn't ASCII.
  return Uint8Array.from({ length: SYMBOLS }, (_, code) =>
    has(String.fromCharCode(code < OTHER ? code : 256)) ? 1 : 0,
  );
}

function wrong(what: string): ApiError {
  return new ApiError('InvalidParameterException', `Invalid filter pattern: invalid regular expression: ${what}.`);
}
