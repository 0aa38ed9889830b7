import type { IncomingMessage } from 'node:http';

/**
 * Collects the body of a request. Exactly one of the two is called, once, and neither where the client goes away.
 *
 * @param limit bytes; of a longer body nothing is kept.
 */
export function readBody(
  request: IncomingMessage,
  limit: number,
  done: (body: Buffer) => void,
  tooLarge: () => void,
): void {
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    // What is still to come is read and thrown away by node:http once the answer is sent.
    tooLarge();
    return;
  }
  let first: Buffer | undefined;
  let chunks: Buffer[] | undefined;
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > limit) {
      // Announced by no length, so only now seen. The rest is thrown away as it comes.
      request.removeAllListeners('data').removeAllListeners('end').resume();
      tooLarge();
    } else if (first === undefined) first = chunk;
    else if (chunks === undefined) chunks = [first, chunk];
    else chunks.push(chunk);
  });
  request.on('end', () => {
    // A body of one chunk, which is nearly all of them, is not copied.
    done(chunks === undefined ? (first ?? EMPTY) : Buffer.concat(chunks, length));
  });
}

const EMPTY = Buffer.alloc(0);
