import type { Ahead, KeepAliveOptions, KeepAlivePolicy, Resting, VersionKeepAlive } from './policy.ts';
import { VersionTable } from './version-table.ts';
import { inWords } from './words.ts';

const MINUTE = 60_000;
/** The percentiles, margin and threshold of the paper. */
const HEAD = 0.05;
const TAIL = 0.99;
const MARGIN = 0.1;
const REPRESENTATIVE_CV = 2;
/** Idle times before which nothing can be said. */
const FEW = 5;
/** Of the idle times, the share beyond the histogram from which on the histogram is not used. */
const OUT_OF_BOUNDS = 0.5;
/** Idle times that the forecast looks at, and its margin. */
const FORECAST_OVER = 8;
const FORECAST_MARGIN = 0.15;

/** Then all bins are halved. */
const MOST_IN_A_BIN = 0xff_ff;

/** What is done with every sandbox of a version. */
interface Windows {
  /** After its last use it goes at once and another comes so much later; 0 keeps it. */
  readonly prewarmMs: number;
  /** From then on. */
  readonly keepMs: number;
  readonly why: string;
}

/**
 * The hybrid histogram policy (Shahrad et al., "Serverless in the Wild", USENIX ATC 2020): for each function version a histogram of
 * idle times in bins of a minute. Its 5th percentile says how long after a use a sandbox need not be there, its 99th how long it
 * is then kept. Where the histogram says little, because there are few times or its bins are all alike (coefficient of variation
 * of their counts below 2), sandboxes are kept for the histogram's range. Where most idle times are longer than that, the next one is forecast
 * from the last few (the paper fits an ARIMA model; here it is their mean and trend) and the sandbox is there for 15 % of it before and after.
 */
export class HybridHistogramKeepAlive implements KeepAlivePolicy {
  readonly name = 'hybrid-histogram';
  readonly #versions: VersionTable<VersionHistogram>;

  constructor({ maxIdleMs }: KeepAliveOptions) {
    this.#versions = new VersionTable(() => new VersionHistogram(maxIdleMs));
  }

  of(version: string): VersionKeepAlive {
    return this.#versions.of(version);
  }

  forget(version: string): void {
    this.#versions.forget(version);
  }

  spent(): void {}
}

class VersionHistogram implements VersionKeepAlive {
  readonly #rangeMs: number;
  readonly #counts: Uint16Array;
  #total = 0;
  /** Sum of the squares of the counts. */
  #squares = 0;
  #beyond = 0;
  /** The last idle times beyond the histogram, oldest first: ms. */
  readonly #long: number[] = [];
  /** Clock's time since when nothing runs; -1 while something does. */
  #idleSince = -1;
  #windows: Windows | undefined;

  constructor(rangeMs: number) {
    this.#rangeMs = rangeMs;
    this.#counts = new Uint16Array(Math.max(1, Math.ceil(rangeMs / MINUTE)));
  }

  needed(rank: number, now: number): void {
    if (rank !== 1 || this.#idleSince < 0) return;
    this.#observe(now - this.#idleSince);
    this.#idleSince = -1;
  }

  rested(sandbox: Resting, now: number): void {
    if (sandbox.rank === 1) this.#idleSince = sandbox.idleSince;
    const { prewarmMs, keepMs, why } = (this.#windows ??= this.#decide());
    // While others run the application is not idle: the paper's windows have not begun.
    if (sandbox.rank > 1) sandbox.keepMs = Math.min(this.#rangeMs, prewarmMs + keepMs);
    else sandbox.keepMs = prewarmMs > 0 ? 0 : keepMs;
    sandbox.keepWhy = why;
    sandbox.keepPriority = now;
  }

  expired({ rank }: Resting): Ahead | undefined {
    if (rank > 1) return undefined;
    const { prewarmMs, keepMs, why } = (this.#windows ??= this.#decide());
    return prewarmMs > 0 && this.#idleSince >= 0 ? { afterMs: prewarmMs, keepMs, why } : undefined;
  }

  evicted(): void {}

  #observe(idleMs: number): void {
    const bin = Math.floor(idleMs / MINUTE);
    this.#windows = undefined;
    if (bin >= this.#counts.length) {
      this.#beyond++;
      if (this.#long.push(idleMs) > FORECAST_OVER) this.#long.shift();
      return;
    }
    if (this.#counts[bin] === MOST_IN_A_BIN) this.#halve();
    this.#squares += 2 * this.#counts[bin]! + 1;
    this.#counts[bin]! += 1;
    this.#total++;
  }

  #halve(): void {
    this.#total = 0;
    this.#squares = 0;
    this.#beyond >>= 1;
    this.#counts.forEach((count, bin) => {
      const half = count >> 1;
      this.#counts[bin] = half;
      this.#total += half;
      this.#squares += half * half;
    });
  }

  #decide(): Windows {
    const seen = this.#total + this.#beyond;
    if (seen < FEW) return this.#standard('little is known of its idle times');
    if (this.#beyond > seen * OUT_OF_BOUNDS) return this.#forecast();
    if (this.#variation < REPRESENTATIVE_CV) return this.#standard('its idle times are all kinds');
    const head = this.#percentile(HEAD);
    const tail = this.#percentile(TAIL) + 1;
    const prewarmMs = head * MINUTE * (1 - MARGIN);
    const endMs = Math.min(this.#rangeMs, tail * MINUTE * (1 + MARGIN));
    const why = `its idle times lie between ${head} and ${tail} min`;
    return { prewarmMs, keepMs: Math.ceil(endMs - prewarmMs), why };
  }

  #standard(reason: string): Windows {
    return { prewarmMs: 0, keepMs: this.#rangeMs, why: `${reason}: kept for ${inWords(this.#rangeMs)}` };
  }

  #forecast(): Windows {
    const times = this.#long;
    const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
    const middle = (times.length - 1) / 2;
    const spread = times.reduce((sum, _, index) => sum + (index - middle) ** 2, 0);
    const slope = times.reduce((sum, time, index) => sum + (index - middle) * (time - mean), 0) / Math.max(1, spread);
    const next = Math.max(MINUTE, mean + slope * (times.length - middle));
    const keepMs = Math.min(this.#rangeMs, Math.ceil(2 * FORECAST_MARGIN * next));
    return { prewarmMs: next * (1 - FORECAST_MARGIN), keepMs, why: `its next call is expected after ${inWords(next)}` };
  }

  /** Coefficient of variation of the counts. */
  get #variation(): number {
    const mean = this.#total / this.#counts.length;
    if (mean === 0) return 0;
    return Math.sqrt(Math.max(0, this.#squares / this.#counts.length - mean * mean)) / mean;
  }

  #percentile(share: number): number {
    let left = share * this.#total;
    for (let bin = 0; bin < this.#counts.length; bin++) {
      left -= this.#counts[bin]!;
      if (left <= 0) return bin;
    }
    return this.#counts.length - 1;
  }
}
