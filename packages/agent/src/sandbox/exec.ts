import { cpuShare, type FunctionSpec } from '@hearth/protocol';
import type { ExecOrder } from '../zygote/orders.ts';

/** Variables that a runtime reads when it starts: a forked one is past that. */
const READ_AT_START = [
  'NODE_OPTIONS',
  'NODE_EXTRA_CA_CERTS',
  'NODE_ICU_DATA',
  'NODE_PENDING_DEPRECATION',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
  'TZ',
];

/**
 * Whether a function's runtime must be started anew instead of forked, and how.
 *
 * @returns undefined where forking serves.
 */
export function execOrder(spec: FunctionSpec): { order: ExecOrder; reason: string } | undefined {
  const names = READ_AT_START.filter((name) => spec.environment[name] !== undefined);
  if (names.length === 0) return undefined;
  const environment = Object.fromEntries(names.map((name) => [name, spec.environment[name] ?? '']));
  return {
    order: { environment, options: runtimeOptions(spec.memoryMb) },
    reason: `the function sets ${names.join(', ')}, which the runtime reads when it starts`,
  };
}

/** Heap limits that suit the function's memory; a single processor's worth of threads where it has no more. */
function runtimeOptions(memoryMb: number): string[] {
  const oldSpace = Math.floor(memoryMb * 0.6);
  const threads = cpuShare(memoryMb) > 1 ? [] : ['--v8-pool-size=1'];
  return [`--max-old-space-size=${oldSpace}`, '--max-semi-space-size=8', '--no-warnings', ...threads];
}
