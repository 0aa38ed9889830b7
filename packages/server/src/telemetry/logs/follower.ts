import { readEvents } from './block-reader.ts';
import type { BlockView } from './block-reader.ts';
import type { LogEvent } from './event.ts';

/** What a reader that is slower than its log may have waiting. Blocks are shared between readers, not copied. */
const QUEUE_BYTES = 4 * 1024 * 1024;

/** One reader of a log group's new events. Its queue is bounded: who reads too slowly is told how much was left out. */
export class Follower {
  readonly #queue: { block: BlockView; bytes: number }[] = [];
  #bytes = 0;
  #skipped = 0;
  #stopped = false;
  #wake: (() => void) | undefined;

  /** Takes a block that was just sealed. */
  push(block: BlockView): void {
    const bytes = block.body.length;
    this.#queue.push({ block, bytes });
    this.#bytes += bytes;
    while (this.#bytes > QUEUE_BYTES && this.#queue.length > 1) {
      const oldest = this.#queue.shift();
      this.#bytes -= oldest?.bytes ?? 0;
      this.#skipped += oldest?.bytes ?? 0;
    }
    this.#wake?.();
  }

  /** The events of the blocks pushed, until `signal` aborts. Ends quietly then: to stop following is no error. */
  async *events(since: number, signal: AbortSignal | undefined): AsyncGenerator<LogEvent> {
    this.#stopped = signal?.aborted === true;
    const onAbort = () => {
      this.#stopped = true;
      this.#wake?.();
    };
    signal?.addEventListener('abort', onAbort);
    try {
      while (!this.#stopped) {
        const next = this.#queue.shift();
        if (next === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
          continue;
        }
        this.#bytes -= next.bytes;
        const events = readEvents(next.block, since);
        if (this.#skipped > 0) {
          const message = `[hearth] about ${this.#skipped} bytes of log were left out: this reader was too slow`;
          yield { timestamp: next.block.first, stream: events[0]?.stream ?? '', message };
          this.#skipped = 0;
        }
        yield* events;
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
