/**
 * How large V8's young generation may become in a sandbox. What survives there is copied each time it is full, so handlers with much data in
 * work take several times as long where it is small; and a small function has no memory to spare for it.
 *
 * V8 is told once, when the process starts: the zygote is, what suits the smallest function. A larger function's limit is raised in
 * its own process, by the one number that V8 compares with whenever it might grow: nothing is reserved, mapped or copied for it.
 * There is no call for that. The number is looked for where it must be, in an object that V8's heap points to; where it isn't found
 * beyond doubt, nothing is changed, and the young generation stays as small as it is for small functions.
 */
import * as fs from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import koffi from 'koffi';
import { LEAST_SEMI_SPACE_MB, semiSpaceMb } from './heap-sizes.ts';

const MB = 1024 * 1024;
const WORD = 8;

/** V8's pages, of which spaces have a whole number. */
const PAGE_BYTES = 256 * 1024;
/** More than V8's `Isolate` has, and than the object for the young generation. */
const ISOLATE_BYTES = 160 * 1024;
const SPACE_BYTES = 1024;

const currentIsolate = koffi.load(null).func('void* _ZN2v87Isolate10GetCurrentEv()');

/** A way to raise the limit in this process and its forks. Made once, before they are forked. */
export class YoungGeneration {
  readonly #limits: readonly bigint[];

  /** In a process that was started with `--max-semi-space-size` of {@link LEAST_SEMI_SPACE_MB}. */
  constructor() {
    this.#limits = findLimits(BigInt(LEAST_SEMI_SPACE_MB * MB));
  }

  /** Whether the limit was found. */
  get adjustable(): boolean {
    return this.#limits.length > 0;
  }

  /** Lets both semi-spaces grow as far as suits the function; those of its worker threads too. Constant time. */
  suit(memoryMb: number): void {
    const semiSpace = semiSpaceMb(memoryMb);
    if (!this.adjustable || semiSpace === LEAST_SEMI_SPACE_MB) return;
    for (const address of this.#limits) koffi.encode(address, 'uint64_t', BigInt(semiSpace * MB));
    setFlagsFromString(`--max-semi-space-size=${semiSpace}`);
  }
}

/** Addresses of the numbers that bound the semi-spaces: one, or one for each of the two; none where it isn't clear. */
function findLimits(current: bigint): bigint[] {
  const memory = fs.openSync('/proc/self/mem', 'r');
  try {
    const mappings = readMappings();
    const program = mappings.filter(({ path }) => path === fs.readlinkSync('/proc/self/exe'));
    const allocated = mappings.filter(({ path }) => path === '[heap]');
    const found = new Set<bigint>();
    const isolate = read(memory, koffi.address(currentIsolate()), ISOLATE_BYTES);
    for (const pointer of new Set(words(isolate))) {
      if (!isWithin(allocated, pointer)) continue;
      const object = words(read(memory, pointer, SPACE_BYTES));
      // Of a class with virtual functions, as spaces are: it begins with a pointer into the program.
      if (!isWithin(program, object[0] ?? 0n)) continue;
      for (let at = 2; at < object.length; at++) {
        if (isLimit(object, at, current)) found.add(pointer + BigInt(at * WORD));
      }
    }
    return found.size > 2 ? [] : [...found];
  } finally {
    fs.closeSync(memory);
  }
}

/** Whether a word is the limit of a semi-space: before it stands how large that is meant to be, soon after it how small it may be. */
function isLimit(object: readonly bigint[], at: number, current: bigint): boolean {
  const isCapacity = (word = 0n): boolean => word > 0n && word <= current && word % BigInt(PAGE_BYTES) === 0n;
  return (
    object[at] === current && isCapacity(object[at - 1]) && (isCapacity(object[at + 1]) || isCapacity(object[at + 2]))
  );
}

interface Mapping {
  start: bigint;
  end: bigint;
  path: string;
}

function readMappings(): Mapping[] {
  const lines = fs.readFileSync('/proc/self/maps', 'latin1').matchAll(/^([0-9a-f]+)-([0-9a-f]+) .* (\S+)$/gm);
  return Array.from(lines, ([, start, end, path = '']) => ({
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    path,
  }));
}

function isWithin(mappings: readonly Mapping[], address: bigint): boolean {
  return mappings.some(({ start, end }) => address >= start && address < end);
}

/** As many of these bytes as are mapped. */
function read(memory: number, address: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, fs.readSync(memory, bytes, 0, length, address));
}

function words(bytes: Buffer): bigint[] {
  return Array.from({ length: Math.floor(bytes.length / WORD) }, (_, index) => bytes.readBigUInt64LE(index * WORD));
}
