import { crc32, deflateRawSync } from 'node:zlib';
import { type TestEntry, zipOf } from './zip.ts';

/**
 * A bomb of files that overlap, each quoting the local header of the next, so that one piece of packed zeros stands at the
 * end of all. Source of the idea: David Fifield, "A better zip bomb", WOOT '19.
 *
 * @param files how many. @param bytes zeros at the end of each.
 */
export function overlappingZip(files: number, bytes: number): Buffer {
  const zeros = Buffer.alloc(bytes);
  // Of each file: its packed bytes, what they unpack to, its local header.
  let packed = deflateRawSync(zeros);
  let plain: Buffer = zeros;
  const made: { name: string; size: number; crc: number; packedSize: number }[] = [];
  for (let i = files - 1; i >= 0; i--) {
    const name = `f${String(i).padStart(4, '0')}`;
    made.unshift({ name, size: plain.length, crc: crc32(plain), packedSize: packed.length });
    if (i === 0) break;
    const header = localHeader(name, packed.length, plain.length, crc32(plain));
    packed = Buffer.concat([storedBlock(header), packed]);
    plain = Buffer.concat([header, plain]);
  }
  const first = made[0]!;
  const body = Buffer.concat([localHeader(first.name, first.packedSize, first.size, first.crc), packed]);
  // Each next header stands behind this one and the five bytes that quote it.
  const step = localHeader(first.name, 0, 0, 0).length + QUOTE;
  const entries = made.map(({ name, size, crc, packedSize }, i): TestEntry => ({
    name,
    data: '',
    stored: true,
    claimedMethod: 8,
    claimedSize: size,
    claimedCrc: crc,
    claimedPackedSize: packedSize,
    claimedOffset: i * step,
  }));
  return zipOf(entries, entries.length, body);
}

const QUOTE = 5;

/** A block of deflate that says literally what it unpacks to, and isn't the last. */
function storedBlock(bytes: Buffer): Buffer {
  const block = Buffer.alloc(QUOTE + bytes.length);
  block.writeUInt16LE(bytes.length, 1);
  block.writeUInt16LE(~bytes.length & 0xffff, 3);
  bytes.copy(block, QUOTE);
  return block;
}

function localHeader(name: string, packedSize: number, size: number, crc: number): Buffer {
  const header = Buffer.alloc(30 + name.length);
  header.writeUInt32LE(0x0403_4b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(8, 8);
  header.writeUInt32LE(crc, 14);
  header.writeUInt32LE(packedSize, 18);
  header.writeUInt32LE(size, 22);
  header.writeUInt16LE(name.length, 26);
  header.write(name, 30);
  return header;
}
