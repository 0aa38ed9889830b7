import { cpuShare } from '@hearth/protocol';
import type { Usage } from './usage-window.ts';

/** A MemorySize that would do better, and why. */
export interface SizingAdvice {
  /** MB. CPU follows it in proportion, as always. */
  readonly memoryMb: number;
  readonly why: string;
}

/** Fewer executions than these say nothing yet; to make a function smaller takes more of them than to make it larger. */
const LEAST = 20;
const LEAST_FOR_LESS = 100;
/** Two failures of this share are no chance. */
const FAILING_SHARE = 0.02;
const LEAST_FAILURES = 2;
/** Of its memory: from here on the next larger event may be its last. */
const NEARLY_FULL = 0.9;
/** Below this, half of it would do. */
const NEARLY_EMPTY = 0.35;
/** Of the memory advised, what the peak is to be: the rest is for what has not been seen yet. */
const FILL = 0.7;
/** MemorySize as Lambda has it: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html */
const SMALLEST_MB = 128;
const LARGEST_MB = 10_240;
const STEP_MB = 64;

/**
 * Whether a function version should have another MemorySize (row N3); undefined where it should not, or nothing can be said yet.
 * Too little memory shows in executions killed for it, or nearly full; too little CPU, which is in proportion to it, in time-outs.
 */
export function advise(memoryMb: number, usage: Usage): SizingAdvice | undefined {
  const { executions, outOfMemory, timedOut, peakMb } = usage;
  if (executions < LEAST) return undefined;
  const of = `of the last ${executions}`;
  if (isFailing(outOfMemory, executions)) {
    return larger(memoryMb, 2 * memoryMb, `${outOfMemory} ${of} invocations ran out of memory`);
  }
  if (peakMb >= NEARLY_FULL * memoryMb) {
    return larger(memoryMb, peakMb / FILL, `it has used up to ${peakMb} of ${memoryMb} MB`);
  }
  // A whole processor is all that most functions can use: beyond it more memory makes nothing faster.
  if (isFailing(timedOut, executions) && cpuShare(memoryMb) < 1) {
    return larger(
      memoryMb,
      2 * memoryMb,
      `${timedOut} ${of} invocations timed out, with ${cpuShare(memoryMb).toFixed(2)} of a processor; if they wait for others, a longer Timeout helps instead`,
    );
  }
  const needed = rounded(peakMb / FILL);
  if (executions < LEAST_FOR_LESS || timedOut > 0 || peakMb === 0) return undefined;
  if (peakMb > NEARLY_EMPTY * memoryMb || needed >= memoryMb) return undefined;
  const share = (needed / memoryMb).toFixed(2);
  return {
    memoryMb: needed,
    why: `it has used ${peakMb} of ${memoryMb} MB at most in ${executions} invocations; its CPU would be ${share} of what it is`,
  };
}

function isFailing(failures: number, executions: number): boolean {
  return failures >= LEAST_FAILURES && failures >= FAILING_SHARE * executions;
}

function larger(memoryMb: number, wantedMb: number, why: string): SizingAdvice | undefined {
  const advised = rounded(wantedMb);
  return advised > memoryMb ? { memoryMb: advised, why } : undefined;
}

function rounded(mb: number): number {
  return Math.min(LARGEST_MB, Math.max(SMALLEST_MB, Math.ceil(mb / STEP_MB) * STEP_MB));
}
