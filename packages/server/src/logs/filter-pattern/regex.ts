import { ApiError } from '@hearth/protocol';
import { OTHER, parseRegex, SYMBOLS } from './regex-parser.ts';
import type { Program } from './regex-parser.ts';

/** Ways through an expression that are told apart; each costs some microseconds to find and a kilobyte to remember. */
const MAX_PLACES = 2000;

/** A set of the program's states: all those that the search may be in. */
interface Place {
  readonly states: readonly number[];
  /** By symbol; filled when first needed. */
  readonly next: (Place | undefined)[];
  readonly matched: boolean;
  /** Matched if the text ends here. */
  readonly matchedAtEnd: boolean;
}

/**
 * A regular expression of filter patterns. JavaScript's own would do, but for some expressions takes time that grows with
 * the square or the cube of the text, and whoever filters logs chooses both. This one looks at each character once: it
 * follows all ways through the expression at the same time, and remembers where it came to.
 *
 * Source: https://swtch.com/~rsc/regexp/regexp1.html ("Caching the NFA to build a DFA").
 */
export class LinearRegex {
  readonly #program: Program;
  readonly #places = new Map<string, Place>();
  readonly #first: Place;

  /** @throws ApiError InvalidParameterException */
  constructor(text: string) {
    this.#program = parseRegex(text);
    this.#first = this.#place([this.#program.start], true);
  }

  /**
   * Whether the expression matches anywhere in the text.
   *
   * @throws ApiError InvalidParameterException for an expression that matches such texts in too many ways.
   */
  test(text: string): boolean {
    let place = this.#first;
    for (let at = 0; at < text.length && !place.matched; at++) {
      const code = text.charCodeAt(at);
      const symbol = code < OTHER ? code : OTHER;
      place = place.next[symbol] ?? this.#step(place, symbol);
    }
    return place.matched || place.matchedAtEnd;
  }

  #step(place: Place, symbol: number): Place {
    const after: number[] = [this.#program.start];
    for (const number of place.states) {
      const state = this.#program.states[number]!;
      if (state.kind === 'set' && state.set[symbol] === 1) after.push(state.next);
    }
    const next = this.#place(after, false);
    place.next[symbol] = next;
    return next;
  }

  /** @param begin whether this is the beginning of the text. */
  #place(from: readonly number[], begin: boolean): Place {
    const states = this.#reach(from, begin, false);
    const key = `${begin} ${[...states].sort((a, b) => a - b).join(' ')}`;
    let place = this.#places.get(key);
    if (place === undefined) {
      if (this.#places.size >= MAX_PLACES) {
        throw new ApiError(
          'InvalidParameterException',
          'Invalid filter pattern: its regular expression is too complex.',
        );
      }
      place = {
        states: [...states],
        next: Array.from({ length: SYMBOLS }),
        matched: this.#matches(states),
        matchedAtEnd: this.#matches(this.#reach(from, begin, true)),
      };
      this.#places.set(key, place);
    }
    return place;
  }

  #matches(states: ReadonlySet<number>): boolean {
    return states.values().some((number) => this.#program.states[number]!.kind === 'match');
  }

  /** All states that are reached without a character. */
  #reach(from: readonly number[], begin: boolean, end: boolean): Set<number> {
    const reached = new Set<number>();
    const open = [...from];
    for (let number = open.pop(); number !== undefined; number = open.pop()) {
      if (reached.has(number)) continue;
      reached.add(number);
      const state = this.#program.states[number]!;
      if (state.kind === 'fork') open.push(state.next, state.other);
      else if ((state.kind === 'begin' && begin) || (state.kind === 'end' && end)) open.push(state.next);
    }
    return reached;
  }
}
