import type { CompactRecord } from './record.ts';

/** 100,000 records are about 30 MB and, at full load, the last three seconds; at a person's pace, days. */
const DEFAULT_CAPACITY = 100_000;

/**
 * The last records by request id. Puts and gets cost the same whatever is in it: a ring for age, and a hash table with
 * chains for look-up, both of fixed size. (A Map of that size stops the world for milliseconds whenever churn makes it
 * hash everything anew.)
 */
export class RecordRing {
  readonly #records: (CompactRecord | undefined)[];
  /** For each hash: the ring's position of the first record, plus one; 0 is none. */
  readonly #heads: Int32Array;
  /** For each position: the next one with the same hash, plus one. */
  readonly #next: Int32Array;
  #position = 0;

  /** @param capacity how many records are kept; at least 1. */
  constructor(capacity = DEFAULT_CAPACITY) {
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new RangeError(`a ring keeps at least 1 record, not ${capacity}`);
    this.#records = Array.from({ length: capacity });
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(capacity * 2)));
    this.#next = new Int32Array(capacity);
  }

  get capacity(): number {
    return this.#records.length;
  }

  /**
   * Keeps a record, in place of the oldest. Its owner may go on filling it in. A record with the id of one that is kept
   * hides that one.
   */
  put(record: CompactRecord): void {
    const at = this.#position;
    this.#position = at + 1 === this.#records.length ? 0 : at + 1;
    const oldest = this.#records[at];
    if (oldest !== undefined) this.#unlink(at, this.#hash(oldest.requestId));
    this.#records[at] = record;
    const hash = this.#hash(record.requestId);
    this.#next[at] = this.#heads[hash] ?? 0;
    this.#heads[hash] = at + 1;
  }

  /** The record of an invocation, or undefined where there was none or it is too long ago. */
  get(requestId: string): CompactRecord | undefined {
    let link = this.#heads[this.#hash(requestId)] ?? 0;
    while (link !== 0) {
      const record = this.#records[link - 1];
      if (record?.requestId === requestId) return record;
      link = this.#next[link - 1] ?? 0;
    }
    return undefined;
  }

  #unlink(at: number, hash: number): void {
    const link = at + 1;
    const after = this.#next[at] ?? 0;
    if (this.#heads[hash] === link) {
      this.#heads[hash] = after;
      return;
    }
    let before = this.#heads[hash] ?? 0;
    while (before !== 0) {
      const next = this.#next[before - 1] ?? 0;
      if (next === link) {
        this.#next[before - 1] = after;
        return;
      }
      before = next;
    }
  }

  /** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) over the id, folded onto the table. */
  #hash(requestId: string): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < requestId.length; i++) hash = Math.imul(hash ^ requestId.charCodeAt(i), 0x01000193);
    return (hash ^ (hash >>> 15)) & (this.#heads.length - 1);
  }
}
