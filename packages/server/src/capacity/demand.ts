import type { Clock } from '../instances/clock.ts';
import type { DemandHistory, HistoryStore } from './history.ts';
import type { DemandForecast } from './trend/demand-forecast.ts';
import { SLOT_MS } from './trend/profile.ts';
import { Trend } from './trend/trend.ts';
import type { Expectation } from './trend/trend.ts';

/** How often the trends are told; what is counted in between is averaged. */
const OBSERVE_TICKS = 10;
/** How far ahead the pool looks: a slot of the profile, so that it has grown when a known peak begins. */
const AHEAD_MS = SLOT_MS;

export interface DemandOptions {
  readonly clock: Clock;
  /** Executions under way. */
  readonly load: () => number;
  /** Instances that left the pool for an account in the last minute. */
  readonly drawsPerMinute: () => number;
  /** Nothing is kept over a restart if absent. */
  readonly history?: HistoryStore;
  readonly onLog: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/** The fleet's demand: draws from the pool, by which that sizes itself, and load, for whoever can choose when to run. */
export class Demand {
  readonly #options: DemandOptions;
  readonly #draws = new Trend();
  readonly #load = new Trend();
  #ticks = 0;
  #loadSum = 0;
  #slot: number | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: DemandOptions) {
    this.#options = options;
  }

  /** Load: executions under way at once. */
  get forecast(): DemandForecast {
    return this.#load;
  }

  /** The most draws in a minute that the pool is to be ready for. */
  get expectedDraws(): Expectation {
    return this.#draws.most(AHEAD_MS);
  }

  /** Takes up what a former life of the server has learnt. */
  async restore(): Promise<void> {
    const { history, onLog } = this.#options;
    try {
      const saved = await history?.load();
      if (saved === undefined) return;
      this.#draws.restore(saved.draws);
      this.#load.restore(saved.load);
    } catch (error) {
      onLog('warn', `the history of demand can't be read, it is learnt anew: ${(error as Error).message}`);
    }
  }

  /** To be called at each tick of the rate monitor. @returns whether the trends have been told something new. */
  tick(): boolean {
    const { clock, load, drawsPerMinute } = this.#options;
    this.#loadSum += load();
    if (++this.#ticks < OBSERVE_TICKS) return false;
    const at = clock.wallTime();
    this.#load.observe(this.#loadSum / OBSERVE_TICKS, at);
    this.#draws.observe(drawsPerMinute(), at);
    this.#ticks = this.#loadSum = 0;
    const slot = Math.floor(at / SLOT_MS);
    if (this.#slot !== undefined && slot !== this.#slot) void this.save();
    this.#slot = slot;
    return true;
  }

  /** One writing after the other; a failure is logged. */
  save(): Promise<void> {
    const { history, onLog } = this.#options;
    if (history === undefined) return Promise.resolve();
    const saved: DemandHistory = { draws: this.#draws.save(), load: this.#load.save() };
    this.#saving = this.#saving
      .then(() => history.save(saved))
      .catch((error: Error) => onLog('warn', `the history of demand can't be written: ${error.message}`));
    return this.#saving;
  }
}
