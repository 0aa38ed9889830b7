/** The parts of a function's memory that V8 may fill, on every start path. Measured with handlers that make garbage until they are full. */

/** `--max-semi-space-size` of a zygote, in MB: half of the young generation. */
export const LEAST_SEMI_SPACE_MB = 8;
const MOST_SEMI_SPACE_MB = 64;

/**
 * MB of the old generation: what the runtime needs besides (young generation, code, stacks, buffers) is left out.
 * 75 MB of 128, 170 of 256, 400 of 512, then 85 %.
 */
export function heapLimitMb(memoryMb: number): number {
  if (memoryMb <= 128) return Math.floor(memoryMb * 0.59);
  if (memoryMb <= 256) return Math.floor(75 + (memoryMb - 128) * 0.74);
  if (memoryMb <= 512) return Math.floor(170 + (memoryMb - 256) * 0.9);
  return Math.floor(memoryMb * 0.85) - 35;
}

/**
 * MB of a semi-space: a thirty-second of the function's memory (both of them a sixteenth), in powers of two because V8 takes no other.
 * Node on its own takes as much from 1024 MB on, if nothing limits its memory, and less where it sees a limit.
 */
export function semiSpaceMb(memoryMb: number): number {
  const share = 2 ** Math.floor(Math.log2(Math.max(memoryMb, 1) / 32));
  return Math.min(Math.max(share, LEAST_SEMI_SPACE_MB), MOST_SEMI_SPACE_MB);
}
