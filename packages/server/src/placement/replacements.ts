import type { Clock } from '../instances/clock.ts';
import type { ManagedInstance } from './managed-instance.ts';
import type { Sandbox } from './sandbox.ts';
import type { FunctionSpec } from '@hearth/protocol';
import type { PlacementWish } from './placement-request.ts';

/** An instance that alone holds more versions than these stays: to load them all elsewhere costs more than it. */
const MOST = 32;

/** Has a new sandbox load its function; rejects where that fails, and has ended the sandbox then. */
export type LoadSandbox = (sandbox: Sandbox) => Promise<void>;

export interface ReplacementsOptions {
  readonly clock: Clock;
  readonly place: (spec: FunctionSpec, wish: PlacementWish) => Promise<Sandbox>;
  readonly load: LoadSandbox;
  readonly offer: (sandbox: Sandbox, now: number) => void;
}

/** Loads on an account's other instances what only one of them has loaded, before that one ends. */
export class Replacements {
  readonly #options: ReplacementsOptions;

  constructor(options: ReplacementsOptions) {
    this.#options = options;
  }

  /**
   * One after the other, so that what runs keeps its processors. Rejects where one can't be made: those that were are as good as any idle ones.
   *
   * @param instance takes no new sandboxes.
   */
  async make(instance: ManagedInstance): Promise<void> {
    const { clock, place, load, offer } = this.#options;
    const specs = onlyHere(instance);
    if (specs.length > MOST) throw new Error(`it alone has ${specs.length} functions loaded`);
    for (const spec of specs) {
      const sandbox = await place(spec, { onActive: true });
      if (sandbox.ending) throw new Error('a sandbox that was to replace another ended before its init');
      if (sandbox.state !== 'executing') await load(sandbox);
      offer(sandbox, clock.now());
      if (instance.state !== 'active') throw new Error('it has ended meanwhile');
    }
  }
}

/** Versions that are loaded on this instance and on no other. */
function onlyHere({ sandboxes }: ManagedInstance): FunctionSpec[] {
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
