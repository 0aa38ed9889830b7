import type { FunctionSpec } from '@hearth/protocol';
import type { Clock } from '../instances/clock.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { PlacementWish } from './placement-request.ts';
import type { Sandbox } from './sandbox.ts';

/** More versions than these are not loaded elsewhere: it would cost more than the instance that alone has them. */
const MOST = 32;

/** Has a new sandbox load its function; rejects where that fails, and has ended the sandbox then. */
export type LoadSandbox = (sandbox: Sandbox) => Promise<void>;

export interface ReplacementsOptions {
  readonly clock: Clock;
  readonly place: (spec: FunctionSpec, wish: PlacementWish) => Promise<Sandbox>;
  readonly load: LoadSandbox;
  readonly offer: (sandbox: Sandbox, now: number) => void;
}

/** Loads on other instances what only one of them has loaded, because that one ends. */
export class Replacements {
  readonly #options: ReplacementsOptions;

  constructor(options: ReplacementsOptions) {
    this.#options = options;
  }

  /**
   * Before an instance ends that takes no new sandboxes any more: on the other instances that its account has. Rejects where that can't be done;
   * what was made by then is as good as any idle sandbox.
   */
  async makeBefore(instance: ManagedInstance): Promise<void> {
    const specs = onlyOn(instance);
    if (specs.length > MOST) throw new Error(`it alone has ${specs.length} functions loaded`);
    for (const spec of specs) {
      await this.#make(spec, { onActive: true });
      if (instance.state !== 'active') throw new Error('it has ended meanwhile');
    }
  }

  /** These were lost or will be: wherever there is room. Rejects where one can't be made. */
  async makeFor(specs: readonly FunctionSpec[]): Promise<void> {
    for (const spec of specs.slice(0, MOST)) await this.#make(spec, { anew: true });
  }

  /** One after the other, so that what runs keeps its processors. */
  async #make(spec: FunctionSpec, wish: PlacementWish): Promise<void> {
    const { clock, place, load, offer } = this.#options;
    const sandbox = await place(spec, wish);
    if (sandbox.ending) throw new Error('a sandbox that was to replace another ended before its init');
    if (sandbox.state !== 'executing') await load(sandbox);
    offer(sandbox, clock.now());
  }
}

/** Versions that are loaded on this instance and on no other. */
export function onlyOn({ sandboxes }: ManagedInstance): FunctionSpec[] {
  const specs = new Set<FunctionSpec>();
  for (const { pool, instance } of sandboxes.values()) {
    if (pool.retired || specs.has(pool.spec)) continue;
    const elsewhere = [...pool.sandboxes].some((other) => other.instance !== instance && isLoaded(other));
    if (!elsewhere) specs.add(pool.spec);
  }
  return [...specs];
}

function isLoaded({ state, instance }: Sandbox): boolean {
  return instance.state === 'active' && (state === 'idle' || state === 'executing');
}
