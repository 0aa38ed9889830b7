import type { FunctionSpec } from '@hearth/protocol';
import type { Managers } from '../placement/managers.ts';
import type { Sandbox } from '../placement/sandbox.ts';

/** How many sandboxes a version keeps and may have. */
export interface Bounds {
  readonly min: number;
  /** Infinity where it may have any number. */
  readonly max: number;
}

/**
 * What FunctionScalingConfig and capacity providers limit: sandboxes of a version, processors of a provider's instances. It looks at all
 * sandboxes of a version, or at all instances, but only for those that have such a limit, and only where they need another one.
 */
export class Scaling {
  readonly #placement: Managers;
  readonly #instanceCpus: number;
  /** By ARN: processors that the instances of a capacity provider may have together. */
  readonly #vCpus = new Map<string, number>();
  /** By key; versions that may have any number are not in it. */
  readonly #bounds = new Map<string, Bounds>();

  constructor(placement: Managers, instanceCpus: number) {
    this.#placement = placement;
    this.#instanceCpus = instanceCpus;
  }

  /** With undefined the provider is no more. */
  limitProvider(arn: string, maxVCpus: number | undefined): void {
    if (maxVCpus === undefined) this.#vCpus.delete(arn);
    else this.#vCpus.set(arn, maxVCpus);
  }

  bound({ key }: FunctionSpec, bounds: Bounds): void {
    if (bounds.max === Infinity) this.#bounds.delete(key);
    else this.#bounds.set(key, bounds);
  }

  /** Sandboxes that are too many end when they are idle; whoever may have one now gets it. */
  apply(spec: FunctionSpec): void {
    const bounds = this.#bounds.get(spec.key);
    if (bounds !== undefined) {
      const onDemand = this.#sandboxesOf(spec).filter(
        (one) => one.keeper === undefined && one.lastReason === undefined,
      );
      for (const sandbox of onDemand.slice(bounds.max - bounds.min)) {
        this.#placement.letGo(sandbox, 'its version may have fewer sandboxes');
      }
    }
    this.#placement.reconsider();
  }

  forget({ key }: FunctionSpec): void {
    this.#bounds.delete(key);
  }

  /** Whether a version may have another sandbox. Those that are kept have their part of the greatest number for themselves. */
  mayHaveMore(spec: FunctionSpec, kept: boolean): boolean {
    const bounds = this.#bounds.get(spec.key);
    if (bounds === undefined) return true;
    const { min, max } = bounds;
    const all = this.#sandboxesOf(spec);
    if (all.length >= max) return false;
    return kept || all.filter(({ keeper }) => keeper === undefined).length < max - min;
  }

  /** Whether the provider of a function may have no other instance. */
  isFull({ capacityProvider }: FunctionSpec): boolean {
    if (capacityProvider === undefined) return false;
    let count = 1;
    for (const { home } of this.#placement.instances) if (home === capacityProvider) count++;
    return count * this.#instanceCpus > (this.#vCpus.get(capacityProvider) ?? 0);
  }

  /** Those that are not on their way out. */
  #sandboxesOf(spec: FunctionSpec): Sandbox[] {
    return this.#placement.poolsOf(spec).flatMap(({ sandboxes }) => [...sandboxes].filter(({ ending }) => !ending));
  }
}
