/** Writes zip files byte by byte, so that they may say what is not so. See PKWARE's APPNOTE.TXT. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface TestEntry {
  name: string;
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
}

export const FILE = 0o100644;
export const EXECUTABLE = 0o100755;
export const LINK = 0o120777;

const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const DEFLATED = 8;

/** @param claimedEntries how many entries the archive says it has; more than 65,535 take zip64's records. */
export function zipOf(entries: readonly TestEntry[], claimedEntries = entries.length): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const plain = Buffer.from(entry.data ?? '');
    const packed = entry.stored ? plain : deflateRawSync(plain);
    const about = Buffer.alloc(26);
    about.writeUInt16LE(20, 0);
    about.writeUInt16LE((entry.flags ?? 0) | 0x800, 2);
    about.writeUInt16LE(entry.claimedMethod ?? (entry.stored ? 0 : DEFLATED), 4);
    about.writeUInt32LE(crc32(plain), 10);
    about.writeUInt32LE(packed.length, 14);
    about.writeUInt32LE(entry.claimedSize ?? plain.length, 18);
    about.writeUInt16LE(name.length, 22);
    const local = Buffer.alloc(LOCAL_BYTES);
    local.writeUInt32LE(0x0403_4b50, 0);
    about.copy(local, 4);
    const central = Buffer.alloc(CENTRAL_BYTES);
    central.writeUInt32LE(0x0201_4b50, 0);
    // Made on Unix: the upper half of the attributes is `st_mode`.
    central.writeUInt16LE((3 << 8) | 20, 4);
    about.copy(central, 6);
    central.writeUInt32LE(((entry.mode ?? FILE) << 16) >>> 0, 38);
    central.writeUInt32LE(offset, 42);
    bodies.push(local, name, packed);
    directory.push(central, name);
    offset += local.length + name.length + packed.length;
  }
  return Buffer.concat([...bodies, ...directory, end(offset, Buffer.concat(directory).length, claimedEntries)]);
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
