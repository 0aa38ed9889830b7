import { Block, BLOCK_HEADER } from './block.ts';
import { MAX_EVENT_BYTES } from './event.ts';

/** Sizes of blocks: a quiet function takes a small one; the largest holds an event of any permitted size. */
export const BLOCK_BYTES = [4 * 1024, 64 * 1024, MAX_EVENT_BYTES + 64 * 1024] as const;

/** Room in a block that headers and names may take beside an event's text. */
export const OVERHEAD = BLOCK_HEADER + 1024;

/** The memory that logs may hold before the disk has taken them: a bound for everyone together. */
export class BlockMemory {
  readonly #limit: number;
  readonly #free: Buffer[][] = BLOCK_BYTES.map(() => []);
  /** Kept for use again, at most an eighth of the limit. */
  #kept = 0;
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of blocks that are in use. */
  get held(): number {
    return this.#held;
  }

  /** A block of {@link BLOCK_BYTES}[`size`], or undefined where the bound is reached. */
  take(size: number): Block | undefined {
    const bytes = BLOCK_BYTES[size] ?? 0;
    if (this.#held + bytes > this.#limit) return undefined;
    this.#held += bytes;
    const again = this.#free[size]?.pop();
    if (again !== undefined) this.#kept -= bytes;
    return new Block(again ?? Buffer.allocUnsafeSlow(bytes));
  }

  /** Ends the use of a block. Its memory is used again unless a reader still holds it. */
  release(block: Block): void {
    const bytes = block.buffer.length;
    this.#held -= bytes;
    if (block.shared || this.#kept + bytes > this.#limit / 8) return;
    this.#free[BLOCK_BYTES.indexOf(bytes)]?.push(block.buffer);
    this.#kept += bytes;
  }
}
