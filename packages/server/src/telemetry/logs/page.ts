import type { EventKey, EventPage, EventQuery, StoredEvent } from '../../logs/ports.ts';

/** What CloudWatch Logs counts for an event beside its message. */
const EVENT_OVERHEAD = 26;

function compareKeys(a: EventKey, b: EventKey): number {
  return a.timestamp - b.timestamp || a.block - b.block || a.index - b.index;
}

/**
 * The best events of many: the first of a query or the last, within its limits. However many are offered, it holds no
 * more than twice what it gives.
 */
export class PageBuilder {
  readonly #query: EventQuery;
  /** Less than zero where the first one comes earlier in the page. */
  readonly #order: (a: EventKey, b: EventKey) => number;
  #events: StoredEvent[] = [];
  #bytes = 0;
  /** The worst of the events that were kept when others had to go. */
  #bound: StoredEvent | undefined;
  #worst: StoredEvent | undefined;
  #cut = false;

  constructor(query: EventQuery) {
    this.#query = query;
    this.#order = query.from === 'head' ? compareKeys : (a, b) => compareKeys(b, a);
  }

  /** Whether an event at this place would still be taken. */
  wants(key: EventKey): boolean {
    const { start, end, after, before } = this.#query;
    return (
      key.timestamp >= start &&
      key.timestamp < end &&
      (after === undefined || compareKeys(key, after) > 0) &&
      (before === undefined || compareKeys(key, before) < 0) &&
      (this.#bound === undefined || this.#order(key, this.#bound) < 0)
    );
  }

  /** Whether no event of a block with these times can be wanted. */
  passes(min: number, max: number): boolean {
    const { start, end, after, before } = this.#query;
    return max < start || min >= end || max < (after?.timestamp ?? min) || min > (before?.timestamp ?? max);
  }

  /** Whether all events from this time on, or back, are worse than those that fill the page. */
  isBeyond(min: number, max: number): boolean {
    if (this.#worst === undefined || !this.#isFull()) return false;
    return this.#query.from === 'head' ? min > this.#worst.timestamp : max < this.#worst.timestamp;
  }

  /** The page ends here though there was more to look at. */
  stop(): void {
    this.#cut = true;
  }

  add(event: StoredEvent): void {
    this.#events.push(event);
    this.#bytes += cost(event);
    if (this.#worst === undefined || this.#order(event, this.#worst) > 0) this.#worst = event;
    const { limit, bytes } = this.#query;
    if (this.#events.length > 2 * limit || this.#bytes > 2 * bytes) this.#trim();
  }

  page(): EventPage {
    this.#trim();
    return {
      events: this.#query.from === 'head' ? this.#events : this.#events.toReversed(),
      more: this.#cut,
    };
  }

  #isFull(): boolean {
    return this.#events.length >= this.#query.limit || this.#bytes >= this.#query.bytes;
  }

  #trim(): void {
    const { limit, bytes } = this.#query;
    if (this.#events.length <= limit && this.#bytes <= bytes) {
      this.#events.sort(this.#order);
      return;
    }
    this.#events.sort(this.#order);
    let kept = 0;
    let sum = 0;
    for (const event of this.#events) {
      sum += cost(event);
      if (kept === limit || (sum > bytes && kept > 0)) break;
      kept++;
    }
    if (kept === this.#events.length) return;
    this.#events = this.#events.slice(0, kept);
    this.#bytes = this.#events.reduce((total, event) => total + cost(event), 0);
    this.#worst = this.#events.at(-1);
    this.#bound = this.#worst;
    this.#cut = true;
  }
}

function cost({ message }: StoredEvent): number {
  return Buffer.byteLength(message) + EVENT_OVERHEAD;
}
