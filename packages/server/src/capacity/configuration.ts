import { BUILT_IN_RUNTIME } from '@hearth/protocol';
import type { RuntimeId } from '@hearth/protocol';

/**
 * What a warm instance is made ready for (rows T2, T3): the runtime whose zygote boots with it, and its size. The system
 * and its libraries are the same in all: the provider's root.
 */
export interface Configuration {
  /** `nodejs24.x/4096`; unique. */
  readonly name: string;
  readonly runtime: RuntimeId;
  readonly memoryMb: number;
}

/** What an instance must have for a request. */
export interface Fit {
  readonly runtime: RuntimeId;
  /** The instance's size at least, what its agent and zygotes use included. */
  readonly memoryMb: number;
}

/** The declared set: each runtime in each size, in this order; of the built-in runtime if none is named. */
export function declare(runtimes: readonly RuntimeId[], sizesMb: readonly number[]): Configuration[] {
  const all: readonly RuntimeId[] = runtimes.length === 0 ? [BUILT_IN_RUNTIME] : runtimes;
  return [...new Set(all)].flatMap((runtime) =>
    [...new Set(sizesMb)].map((memoryMb) => ({ name: `${runtime}/${memoryMb}`, runtime, memoryMb })),
  );
}

/** Whose zygotes are warm in an instance of this configuration: its own runtime's, and the built-in one's, which every instance has. */
export function zygotesOf({ runtime }: Configuration): RuntimeId[] {
  return runtime === BUILT_IN_RUNTIME ? [runtime] : [BUILT_IN_RUNTIME, runtime];
}

/** Of several, those with a runtime's zygote, the best first: made for that runtime, then the smallest. */
export function withZygote<T extends { readonly configuration: Configuration }>(
  all: readonly T[],
  runtime: RuntimeId,
): T[] {
  const foreign = ({ configuration }: T): number => (configuration.runtime === runtime ? 0 : 1);
  return all
    .filter(({ configuration }) => zygotesOf(configuration).includes(runtime))
    .toSorted((a, b) => foreign(a) - foreign(b) || a.configuration.memoryMb - b.configuration.memoryMb);
}
