import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, FrameDecoder, FrameError, HEADER_BYTES, Kind, MAX_FRAME } from './frames.ts';

interface Seen {
  kind: number;
  stream: number;
  payload: string;
}

function decoder(): { decoder: FrameDecoder; seen: Seen[] } {
  const seen: Seen[] = [];
  return {
    decoder: new FrameDecoder((kind, stream, payload) =>
      seen.push({ kind, stream, payload: payload.toString('latin1') }),
    ),
    seen,
  };
}

const frame = fc.record({
  kind: fc.integer({ min: Kind.hello, max: Kind.withdraw }).map((kind) => kind as Kind),
  stream: fc.nat(0xffff_ffff),
  payload: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 1000, maxLength: 5000 })),
});

/** Cuts `bytes` at these shares of its length. */
function cut(bytes: Buffer, shares: readonly number[]): Buffer[] {
  const places = shares.map((share) => Math.floor(share * bytes.length)).toSorted((a, b) => a - b);
  return [...places, bytes.length].map((place, i) => bytes.subarray(places[i - 1] ?? 0, place));
}

test('frames come out as they went in, however the stream is cut', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), fc.array(share, { maxLength: 40 }), (frames, shares) => {
      const bytes = Buffer.concat(
        frames.map(({ kind, stream, payload }) => encodeFrame(kind, stream, Buffer.from(payload))),
      );
      const subject = decoder();
      // One buffer for all reads, as the runtime has it.
      const read = Buffer.alloc(bytes.length);
      for (const piece of cut(bytes, shares)) {
        piece.copy(read);
        subject.decoder.push(read.subarray(0, piece.length));
      }
      assert.deepEqual(
        subject.seen,
        frames.map(({ kind, stream, payload }) => ({
          kind,
          stream,
          payload: Buffer.from(payload).toString('latin1'),
        })),
      );
    }),
    { numRuns: 1000 },
  );
});

test('any bytes, however they are cut, give the same frames and the same refusal', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const noise = fc.oneof(
    { weight: 3, arbitrary: frame.map(({ kind, stream, payload }) => encodeFrame(kind, stream, Buffer.from(payload))) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  );
  const outcome = (pieces: readonly Buffer[]): { seen: Seen[]; error: string | undefined } => {
    const subject = decoder();
    try {
      for (const piece of pieces) subject.decoder.push(piece);
    } catch (error) {
      assert.ok(error instanceof FrameError, String(error));
      return { seen: subject.seen, error: error.message };
    }
    return { seen: subject.seen, error: undefined };
  };
  fc.assert(
    fc.property(fc.array(noise, { maxLength: 8 }), fc.array(share, { maxLength: 30 }), (parts, shares) => {
      const bytes = Buffer.concat(parts);
      assert.deepEqual(outcome(cut(bytes, shares)), outcome([bytes]));
    }),
    { numRuns: 3000 },
  );
});

test('the largest frame that comes byte by byte costs no more than its bytes', () => {
  const subject = decoder();
  const bytes = encodeFrame(Kind.log, 0, Buffer.alloc(MAX_FRAME, 'x'));
  const started = performance.now();
  for (let i = 0; i < bytes.length; i++) subject.decoder.push(bytes.subarray(i, i + 1));
  const took = performance.now() - started;
  assert.equal(subject.seen.length, 1);
  assert.equal(subject.seen[0]?.payload.length, MAX_FRAME);
  // Copying what is there for each byte would be 34 GB.
  assert.ok(took < 2000, `${took} ms`);
});

test('a length over the limit is refused by its header, before anything is kept for it', () => {
  for (const length of [MAX_FRAME + 1, 0x7fff_ffff, 0xffff_ffff]) {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(length, 0);
    header.writeUInt32LE(Kind.log, 4);
    assert.throws(() => decoder().decoder.push(header), FrameError);
  }
});

test('what is held grows with what has come, not with what was announced', () => {
  const header = encodeFrame(Kind.log, 0, Buffer.alloc(MAX_FRAME)).subarray(0, HEADER_BYTES + 1);
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 1000 }, () => decoder().decoder);
  for (const each of decoders) each.push(header);
  const heldMb = (process.memoryUsage().arrayBuffers - before) / 1024 / 1024;
  // As announced it would be 256 MB.
  assert.ok(heldMb < 16, `${heldMb} MB`);
});
