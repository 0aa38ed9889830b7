/** For so many turns a line may be too long: it may be that this process or a sandbox had to wait for a processor. */
const PATIENCE_TURNS = 4;
/** The same of a function that only computes, whose line stands still only where processors are busy with something else. */
const PATIENCE_COMPUTING_TURNS = 12;
/** What a number of busy sandboxes brings is measured over so many turns: a tenth of a second. */
const WINDOW_TURNS = 20;
/** More of them must make the line this much faster to be kept, since they cost memory and switches. */
const GAIN = 1.2;
/** Fewer may make it this much slower, which is what two measurements differ by anyway. */
const LOSS = 0.95;
/** After a trial that has brought nothing things stay as they are for so many turns. */
const REST_TURNS = 100;

/** What has happened in a turn. */
export interface Turn {
  /** Invocations that have ended. */
  readonly ended: number;
  /** Requests that stand in line beyond what it would serve in the time that a new sandbox takes; none if not positive. */
  readonly tooMany: number;
  readonly busy: number;
  /** Sandboxes on their way to their first invocation. */
  readonly coming: number;
  /** Whether its invocations wait for nothing but processors. */
  readonly computes: boolean;
  /** Fewer than these shall never be busy. */
  readonly least: number;
}

/** Another number of busy sandboxes, on trial. */
interface Trial {
  /** What it goes back to if it brings nothing. */
  readonly from: number;
  /** Invocations that ended in a window before. */
  readonly ended: number;
  readonly up: boolean;
}

/**
 * How many sandboxes of a quick function may be busy at a time before its requests wait in line. More than there are
 * processors make a line faster where they wait for something else, or are given little of a processor each; where they
 * don't, each costs memory, switches and cold caches, and a load that is too much for a machine would be answered by ever
 * more sandboxes that make it slower still. So a line that doesn't move is given more, a few at first and twice as many each turn; one that
 * moves but is too long has it tried what more bring, and what fewer do, and the better is kept.
 */
export class Parallelism {
  /** What a line that doesn't move is given first. */
  readonly #step: number;
  #current: number;
  #turnsTooLong = 0;
  /** Of those, the last ones in which it hardly moved. */
  #turnsStill = 0;
  /** Turns that the present number has been measured for, and the invocations that ended in them. */
  #turns = 0;
  #ended = 0;
  #trial: Trial | undefined;
  #rest = 0;
  /** Which way the next trial goes. */
  #up = true;

  /** @param least where nothing keeps sandboxes from working. */
  constructor(least: number) {
    this.#step = least;
    this.#current = least;
  }

  get current(): number {
    return this.#current;
  }

  /** Turns for which the line has been too long without a break. */
  get turnsTooLong(): number {
    return this.#turnsTooLong;
  }

  /** Nothing is known of the line any more; so many sandboxes may be busy at first. */
  reset(current: number): void {
    this.#turnsTooLong = 0;
    this.#turnsStill = 0;
    this.#rest = 0;
    this.#trial = undefined;
    this.#set(current);
  }

  /** So many are busy, or will be: requests have been given others, because {@link turn} said so. */
  allow(busy: number): void {
    if (busy > this.#current) this.#set(busy);
  }

  /** @returns how many requests shall have other sandboxes than those that are busy; see {@link allow}. */
  turn({ ended, tooMany, busy, coming, computes, least }: Turn): number {
    if (tooMany <= 0) {
      this.#turnsTooLong = 0;
      this.#turnsStill = 0;
      this.#trial = undefined;
      this.#set(Math.max(least, this.#current - Math.ceil(this.#current / 8)));
      return 0;
    }
    this.#turnsTooLong++;
    this.#turnsStill = ended < this.#step || this.#current < least ? this.#turnsStill + 1 : 0;
    if (this.#turnsTooLong < PATIENCE_TURNS) return 0;
    if (this.#turnsStill > 0) {
      const beyond = this.#turnsStill - (computes ? PATIENCE_COMPUTING_TURNS : PATIENCE_TURNS);
      if (beyond < 0) return 0;
      this.#trial = undefined;
      return Math.min(tooMany, this.#step * 2 ** beyond);
    }
    if (this.#rest > 0) this.#rest--;
    // New sandboxes that still come take processors from those that are there.
    else if (coming === 0) {
      this.#ended += ended;
      if (++this.#turns === WINDOW_TURNS) return this.#decide(tooMany, busy, least);
    }
    return 0;
  }

  #decide(tooMany: number, busy: number, least: number): number {
    const ended = this.#ended;
    const trial = this.#trial;
    this.#set(this.#current);
    if (trial !== undefined && ended < trial.ended * (trial.up ? GAIN : LOSS)) {
      this.#trial = undefined;
      this.#up = !trial.up;
      this.#rest = REST_TURNS;
      this.#set(trial.from);
      return 0;
    }
    const up = this.#up || this.#current <= least;
    this.#trial = { from: this.#current, ended, up };
    if (up) return Math.min(tooMany, busy);
    this.#set(Math.max(least, Math.ceil(this.#current / 2)));
    return 0;
  }

  /** What another number brings is measured anew. */
  #set(current: number): void {
    this.#current = current;
    this.#turns = 0;
    this.#ended = 0;
  }
}
