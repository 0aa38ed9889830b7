import { MAX_EVENT_BYTES } from './event.ts';

/**
 * Cuts `bytes` into pieces of at most {@link MAX_EVENT_BYTES}: after a line's end where there is one, else between two
 * characters.
 */
export function* cutBytes(bytes: Buffer): Generator<Buffer> {
  let from = 0;
  while (from < bytes.length) {
    let to = Math.min(from + MAX_EVENT_BYTES, bytes.length);
    if (to < bytes.length) {
      const lineEnd = bytes.subarray(from, to).lastIndexOf(0x0a);
      if (lineEnd >= 0) to = from + lineEnd + 1;
      else to -= unfinishedCharacter(bytes.subarray(from, to));
    }
    yield bytes.subarray(from, to);
    from = to;
  }
}

/** How many bytes at the end of `bytes` begin a UTF-8 character that is not complete: 0 to 3. */
export function unfinishedCharacter(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needs > back ? back : 0;
  }
  return 0;
}
