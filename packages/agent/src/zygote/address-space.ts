/**
 * Where V8's heap lies in a zygote's addresses, and so in those of all its forks.
 *
 * V8 asks for each chunk of its heap (256 KB) at a random address, 46 bits wide. Each then needs a page of page tables of its own,
 * often three: half a megabyte in every sandbox. Where that address is taken the kernel chooses one, next to the last. So all of
 * these addresses are taken before V8 makes its first chunk: by a library that the loader maps when the process starts
 * (LD_PRELOAD, see ld.so(8)), which has no code, and one segment of 64 TB that nothing may touch and that costs nothing.
 *
 * Source of the format: elf(5), and the System V ABI's "Dynamic Linking".
 */
import { architecture } from '@hearth/linux';

/** Below are the program itself, where it isn't position independent, and what it allocates with brk(2). */
const FIRST = 0x1_0000_0000;
/** What V8 chooses from; the kernel's own choice lies above. */
const LAST = 0x4000_0000_0000;

/** The largest pages that a kernel may have: segments begin where one does. */
const PAGE = 0x1_0000;
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const SYMBOL_BYTES = 24;

const LOAD = 1;
const DYNAMIC = 2;
/** Without it the loader makes all stacks of the process executable. */
const STACK = 0x6474_e551;
const WRITE = 2;
const READ = 4;

interface Segment {
  type: number;
  flags: number;
  /** In the file. */
  offset?: number;
  address?: number;
  /** In the file; the rest of its memory is empty. */
  bytes?: number;
  memory?: number;
}

/** The library's file. Where a process may not have so many addresses, the loader says so on stderr, and goes on without it. */
export function addressTaker(): Buffer {
  const symbols = HEADER_BYTES + 5 * SEGMENT_BYTES;
  const hash = symbols + SYMBOL_BYTES;
  const names = hash + 16;
  const tables = dynamicTable({ names: FIRST + names, symbols: FIRST + symbols, hash: FIRST + hash });
  const inDynamic = { offset: PAGE, address: FIRST + PAGE, bytes: tables.length };
  const segments: Segment[] = [
    { type: LOAD, flags: READ, address: FIRST, bytes: names + 1 },
    // The loader writes into it.
    { type: LOAD, flags: READ | WRITE, ...inDynamic },
    { type: LOAD, flags: 0, address: FIRST + 2 * PAGE, memory: LAST - FIRST - 2 * PAGE },
    { type: DYNAMIC, flags: READ | WRITE, ...inDynamic },
    { type: STACK, flags: READ | WRITE },
  ];
  const file = Buffer.alloc(PAGE + tables.length);
  writeHeader(file, segments.length);
  for (const [index, segment] of segments.entries()) {
    writeSegment(file.subarray(HEADER_BYTES + index * SEGMENT_BYTES), segment);
  }
  // One bucket, and one symbol: the empty one that every table begins with.
  file.writeUInt32LE(1, hash);
  file.writeUInt32LE(1, hash + 4);
  tables.copy(file, PAGE);
  return file;
}

function writeHeader(file: Buffer, segments: number): void {
  const SHARED_OBJECT = 3;
  const CURRENT = 1;
  // 64 bits, little endian, System V.
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, CURRENT]);
  file.writeUInt16LE(SHARED_OBJECT, 16);
  // What seccomp calls an architecture has the format's number of it in its lower half.
  file.writeUInt16LE(architecture.auditArch & 0xffff, 18);
  file.writeUInt32LE(CURRENT, 20);
  file.writeBigUInt64LE(BigInt(HEADER_BYTES), 32);
  file.writeUInt16LE(HEADER_BYTES, 52);
  file.writeUInt16LE(SEGMENT_BYTES, 54);
  file.writeUInt16LE(segments, 56);
}

function writeSegment(at: Buffer, { type, flags, offset = 0, address = 0, bytes = 0, memory = bytes }: Segment): void {
  at.writeUInt32LE(type, 0);
  at.writeUInt32LE(flags, 4);
  for (const [index, value] of [offset, address, address, bytes, memory, PAGE].entries()) {
    at.writeBigUInt64LE(BigInt(value), 8 + index * 8);
  }
}

/** What the loader wants to find, at their addresses. */
function dynamicTable({ names, symbols, hash }: { names: number; symbols: number; hash: number }): Buffer {
  const END = 0;
  const HASH = 4;
  const NAMES = 5;
  const SYMBOLS = 6;
  const BYTES_OF_NAMES = 10;
  const BYTES_OF_SYMBOL = 11;
  const entries = [
    [HASH, hash],
    [NAMES, names],
    [SYMBOLS, symbols],
    [BYTES_OF_NAMES, 1],
    [BYTES_OF_SYMBOL, SYMBOL_BYTES],
    [END, 0],
  ].flat();
  const table = Buffer.alloc(entries.length * 8);
  for (const [index, value] of entries.entries()) table.writeBigUInt64LE(BigInt(value), index * 8);
  return table;
}
