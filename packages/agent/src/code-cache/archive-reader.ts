import * as fs from 'node:fs';
import { Readable } from 'node:stream';
import { RandomAccessReader } from 'yauzl';

/** Bytes that are read at a time: what stands beside what was asked for is asked for next. */
const WINDOW = 64 * 1024;

/** A piece of the file. */
interface Window {
  readonly bytes: Buffer;
  start: number;
  length: number;
}

/**
 * Reads an archive's file for yauzl. Small reads are answered from two windows of the file (its directory and its data) and
 * in this thread: a directory of 100,000 entries would otherwise make 400,000 round trips to libuv's threads.
 */
export class ArchiveReader extends RandomAccessReader {
  readonly size: number;
  /** Gives up one use of it; the last closes the file. yauzl's types leave it out. */
  declare readonly unref: () => void;
  readonly #fd: number;
  /** Last used first. */
  readonly #windows: [Window, Window] = [emptyWindow(), emptyWindow()];

  constructor(path: string) {
    super();
    this.#fd = fs.openSync(path, 'r');
    this.size = fs.fstatSync(this.#fd).size;
  }

  /** @returns as many bytes as there are; a copy. */
  bytesAt(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, this.#fill(bytes, position));
  }

  override read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    // A turn of the event loop each time: others have work too.
    setImmediate(() => {
      let bytesRead: number;
      try {
        bytesRead = this.#fill(target.subarray(offset, offset + length), position);
      } catch (error) {
        callback(error as Error);
        return;
      }
      callback(null, bytesRead);
    });
  }

  override _readStreamForRange(start: number, end: number): Readable {
    // Not of `fs`: whoever destroys such a stream closes the descriptor, which isn't the stream's.
    let position = start;
    const fill = (bytes: Buffer): number => this.#fill(bytes, position);
    return new Readable({
      highWaterMark: WINDOW,
      read(size) {
        const bytes = Buffer.allocUnsafe(Math.min(size, WINDOW, end - position));
        const length = fill(bytes);
        position += length;
        this.push(length === 0 ? null : bytes.subarray(0, length));
      },
    });
  }

  override close(callback: (error: Error | null) => void): void {
    fs.close(this.#fd, callback);
  }

  #fill(target: Buffer, position: number): number {
    if (target.length > WINDOW) return fs.readSync(this.#fd, target, 0, target.length, position);
    const { bytes, start, length } = this.#windowOf(position, target.length);
    return bytes.copy(target, 0, position - start, Math.min(length, position - start + target.length));
  }

  #windowOf(position: number, length: number): Window {
    const holds = ({ start, length: held }: Window): boolean => start <= position && position + length <= start + held;
    const [first, second] = this.#windows;
    if (holds(first)) return first;
    this.#windows.reverse();
    if (holds(second)) return second;
    second.start = position;
    second.length = fs.readSync(this.#fd, second.bytes, 0, WINDOW, position);
    return second;
  }
}

function emptyWindow(): Window {
  return { bytes: Buffer.allocUnsafeSlow(WINDOW), start: 0, length: 0 };
}
