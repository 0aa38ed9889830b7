/** Frames as someone would send them who wants to do harm, for fast-check. */
import fc from 'fast-check';
import { HEADER_BYTES, Kind, MAX_FRAME, writeHeader } from '@hearth/protocol';

/** A frame whose header may say anything. */
export function rawFrame(kind: number, stream: number, payload: Uint8Array, claimed = payload.length): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
  writeHeader(bytes, 0, kind as Kind, stream, claimed);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

const u32 = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff) },
);

/** Texts that readers stumble over. */
const texts = [
  '',
  '{}',
  'null',
  '[]',
  '{"errorType":"X","errorMessage":"y"}',
  '{"__proto__":{"errorType":"X"}}',
  '{"constructor":{"prototype":{}},"errorType":{"toString":1}}',
  '{"errorType":1e999,"errorMessage":[]}',
  '['.repeat(50_000),
  `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
  '"\\ud800"',
  '\0',
  '\n'.repeat(5_000),
  'REPORT RequestId: forged\tDuration: 0 ms\n',
  'text/plain',
  'text/plain\r\nset-cookie: forged=1',
];

const payload = fc.oneof(
  fc.constantFrom(...texts).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(0, 1, 4, 0xffff_ffff).map((number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(number);
    return bytes;
  }),
  fc.constant(Buffer.alloc(MAX_FRAME, 'x')),
);

/** Mostly frames that a sandbox may send, in any order and for any stream; some that it may not; some bytes of no sense. */
export const hostileBytes: fc.Arbitrary<Buffer> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          Kind.init,
          Kind.end,
          Kind.error,
          Kind.log,
          Kind.chunk,
          Kind.credit,
          Kind.withdraw,
          Kind.head,
          Kind.whole,
          Kind.computed,
        ),
        u32,
        payload,
      )
      .map((parts) => rawFrame(...parts)),
  },
  { weight: 2, arbitrary: fc.tuple(fc.integer({ min: 0, max: 17 }), u32, payload).map((parts) => rawFrame(...parts)) },
  // Half a frame: what comes next is taken for the rest of it.
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 11 }), u32, payload, u32)
      .map(([kind, stream, body, claimed]) => rawFrame(kind, stream, body, claimed)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)) },
);
