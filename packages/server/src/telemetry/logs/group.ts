import type { LogOwner } from '../../logs/ports.ts';
import type { Block, EntryOptions, StreamSlot } from './block.ts';
import { findBlocks } from './block-reader.ts';
import type { BlockView } from './block-reader.ts';
import type { Follower } from './follower.ts';
import type { BlockMemory } from './memory.ts';
import { BLOCK_BYTES, OVERHEAD } from './memory.ts';

/** What a group needs of its store. */
export interface GroupOwner {
  readonly memory: BlockMemory;
  /** Bytes one group may hold in memory, so that a flood in one does not cost the others their logs. */
  readonly groupMemory: number;
  now(): number;
  /** For the next block; grows. */
  nextBlock(): number;
  /** The group holds something that is not on its way to the disk yet. Called once until {@link LogGroup.seal}. */
  onDirty(group: LogGroup): void;
  /** A block is ready for the disk. */
  onSealed(group: LogGroup): void;
  onDropped(group: LogGroup, bytes: number): void;
}

/** A log group's end in memory: the block being filled, those on their way to the disk, and who follows. */
export class LogGroup {
  readonly directory: string;
  readonly of: LogOwner;
  readonly name: string;
  readonly followers = new Set<Follower>();
  /** Sealed and not on disk yet, oldest first; the first `writing` of them are being written. */
  readonly sealed: Block[] = [];
  writing = 0;
  /** Open writers; the store forgets a group that nobody uses. */
  writers = 0;
  /** Writes that were lost. */
  failures = 0;
  /** Called when nothing sealed is left. */
  readonly awaiting: (() => void)[] = [];
  readonly #owner: GroupOwner;
  #active: Block | undefined;
  #size = 0;
  #held = 0;
  #dropped = 0;

  /** @param directory that of the group in the store. */
  constructor(directory: string, of: LogOwner, name: string, owner: GroupOwner) {
    this.directory = directory;
    this.of = of;
    this.name = name;
    this.#owner = owner;
  }

  get unused(): boolean {
    return this.writers === 0 && this.followers.size === 0 && this.#held === 0 && this.awaiting.length === 0;
  }

  /**
   * Adds a text of at most MAX_EVENT_BYTES. Never waits and never throws: what does not fit is dropped and counted.
   *
   * @returns whether it was taken.
   */
  append(slot: StreamSlot, text: string, requestId: string, options?: EntryOptions): boolean {
    const now = this.#owner.now();
    if (this.#active?.append(slot, text, requestId, now, options) === true) return true;
    const block = this.#next(text.length);
    if (block === undefined) {
      this.#drop(text.length);
      return false;
    }
    if (this.#dropped > 0) {
      block.append(slot, `[hearth] about ${this.#dropped} bytes of log were dropped here: too much to keep\n`, '', now);
      this.#dropped = 0;
    }
    if (block.append(slot, text, requestId, now, options)) return true;
    // Longer in UTF-8 than its units told; the largest block takes any permitted text.
    if (this.#next(BLOCK_BYTES[2] - OVERHEAD)?.append(slot, text, requestId, now, options) === true) return true;
    this.#drop(text.length);
    return false;
  }

  /** Makes the block being filled ready for the disk. */
  seal(): void {
    const block = this.#active;
    if (block === undefined) return;
    this.#active = undefined;
    // A group that became quiet goes back to smaller blocks.
    if (this.#size > 0 && block.length < (BLOCK_BYTES[this.#size - 1] ?? 0)) this.#size--;
    if (block.empty) {
      this.#release(block);
      return;
    }
    const bytes = block.seal(this.#owner.nextBlock());
    this.sealed.push(block);
    if (this.followers.size > 0) {
      block.shared = true;
      const [view] = findBlocks(bytes);
      if (view !== undefined) for (const follower of this.followers) follower.push(view);
    }
    this.#owner.onSealed(this);
  }

  /** Everything not on disk yet, oldest first. The views stay valid. */
  snapshot(): BlockView[] {
    this.seal();
    return this.sealed.flatMap((block) => {
      block.shared = true;
      return findBlocks(block.buffer.subarray(0, block.length));
    });
  }

  /** Forgets the blocks that were being written. */
  release(): Block[] {
    const done = this.sealed.splice(0, this.writing);
    this.writing = 0;
    for (const block of done) this.#release(block);
    return done;
  }

  /** Forgets what is not being written already. */
  discard(): void {
    this.seal();
    for (const block of this.sealed.splice(this.writing)) this.#release(block);
  }

  #next(units: number): Block | undefined {
    if (this.#active !== undefined) {
      this.seal();
      this.#size = Math.min(this.#size + 1, BLOCK_BYTES.length - 1);
    }
    while (this.#size < BLOCK_BYTES.length - 1 && units + OVERHEAD > (BLOCK_BYTES[this.#size] ?? 0)) this.#size++;
    const bytes = BLOCK_BYTES[this.#size] ?? 0;
    if (this.#held + bytes > this.#owner.groupMemory) return undefined;
    const block = this.#owner.memory.take(this.#size);
    if (block === undefined) return undefined;
    this.#held += bytes;
    this.#active = block;
    this.#owner.onDirty(this);
    return block;
  }

  #release(block: Block): void {
    this.#held -= block.buffer.length;
    this.#owner.memory.release(block);
  }

  #drop(units: number): void {
    this.#dropped += units;
    this.#owner.onDropped(this, units);
  }
}
