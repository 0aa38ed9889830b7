/** Writes zip files byte by byte, so that they may say what is not so. See PKWARE's APPNOTE.TXT. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface TestEntry {
  /** Text, or bytes of no said encoding. */
  name: string | Buffer;
  data?: string | Buffer;
  /** `st_mode`: kind and permissions. */
  mode?: number;
  stored?: boolean;
  /** General purpose bits: 1 is encryption, 0x40 strong encryption. */
  flags?: number;
  /** What the directory says of the size, where that isn't so. */
  claimedSize?: number;
  /** What the directory says of the compression method, where that isn't so. */
  claimedMethod?: number;
  claimedCrc?: number;
  /** What the directory says of where its local header is, and how long its packed bytes are, where that isn't so. */
  claimedOffset?: number;
  claimedPackedSize?: number;
  /** Written as a stream is: sizes and checksum stand behind the data, and in the directory. */
  streamed?: boolean;
  /** Sizes and offset stand in zip64's extra field. */
  zip64?: boolean;
}

export const FILE = 0o100644;
export const EXECUTABLE = 0o100755;
export const LINK = 0o120777;

const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const DEFLATED = 8;
const MAX_U32 = 0xffff_ffff;
const UTF8 = 0x800;
const STREAMED = 8;

/**
 * @param claimedEntries how many entries the archive says it has; more than 65,535 take zip64's records.
 * @param prefix what stands before all entries.
 */
export function zipOf(
  entries: readonly TestEntry[],
  claimedEntries = entries.length,
  prefix: Buffer = Buffer.alloc(0),
): Buffer {
  const bodies: Buffer[] = [prefix];
  const directory: Buffer[] = [];
  let offset = prefix.length;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const plain = Buffer.from(entry.data ?? '');
    const packed = entry.stored ? plain : deflateRawSync(plain);
    const utf8 = typeof entry.name === 'string' ? UTF8 : 0;
    const about = Buffer.alloc(26);
    about.writeUInt16LE(20, 0);
    about.writeUInt16LE((entry.flags ?? 0) | utf8 | (entry.streamed ? STREAMED : 0), 2);
    about.writeUInt16LE(entry.claimedMethod ?? (entry.stored ? 0 : DEFLATED), 4);
    const sums = Buffer.alloc(12);
    sums.writeUInt32LE(entry.claimedCrc ?? crc32(plain), 0);
    sums.writeUInt32LE(packed.length, 4);
    sums.writeUInt32LE(Math.min(entry.claimedSize ?? plain.length, MAX_U32), 8);
    if (!entry.streamed) sums.copy(about, 10);
    about.writeUInt16LE(name.length, 22);
    const local = Buffer.alloc(LOCAL_BYTES);
    local.writeUInt32LE(0x0403_4b50, 0);
    about.copy(local, 4);
    const central = Buffer.alloc(CENTRAL_BYTES);
    central.writeUInt32LE(0x0201_4b50, 0);
    // Made on Unix: the upper half of the attributes is `st_mode`.
    central.writeUInt16LE((3 << 8) | 20, 4);
    about.copy(central, 6);
    sums.copy(central, 16);
    const packedSize = entry.claimedPackedSize ?? packed.length;
    central.writeUInt32LE(Math.min(packedSize, MAX_U32), 20);
    central.writeUInt32LE(((entry.mode ?? FILE) << 16) >>> 0, 38);
    central.writeUInt32LE(Math.min(entry.claimedOffset ?? offset, MAX_U32), 42);
    const extra = entry.zip64
      ? zip64Extra(entry.claimedSize ?? plain.length, packedSize, entry.claimedOffset ?? offset)
      : Buffer.alloc(0);
    if (entry.zip64) {
      for (const field of [20, 24, 42]) central.writeUInt32LE(MAX_U32, field);
      central.writeUInt16LE(extra.length, 30);
    }
    const descriptor = entry.streamed ? Buffer.concat([Buffer.from('PK\x07\x08'), sums]) : Buffer.alloc(0);
    bodies.push(local, name, packed, descriptor);
    directory.push(central, name, extra);
    offset += local.length + name.length + packed.length + descriptor.length;
  }
  return Buffer.concat([...bodies, ...directory, end(offset, Buffer.concat(directory).length, claimedEntries)]);
}

function zip64Extra(size: number, packedSize: number, offset: number): Buffer {
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  for (const [i, value] of [size, packedSize, offset].entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  return extra;
}

function end(offset: number, length: number, entries: number): Buffer {
  const last = Buffer.alloc(22);
  last.writeUInt32LE(0x0605_4b50, 0);
  last.writeUInt16LE(Math.min(entries, 0xffff), 8);
  last.writeUInt16LE(Math.min(entries, 0xffff), 10);
  last.writeUInt32LE(length, 12);
  last.writeUInt32LE(offset, 16);
  if (entries <= 0xffff) return last;
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x0606_4b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(entries), 24);
  record.writeBigUInt64LE(BigInt(entries), 32);
  record.writeBigUInt64LE(BigInt(length), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x0706_4b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + length), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator, last]);
}
