import type { FunctionSpec } from '@hearth/protocol';
import type { Clock } from '../../instances/clock.ts';
import { Permits } from '../permits.ts';
import type { PlacementWish } from '../placement-request.ts';
import type { ServerLog } from '../ports.ts';
import type { LoadSandbox } from '../replacements.ts';
import type { Sandbox } from '../sandbox.ts';
import type { AheadOfCall } from './ahead-schedule.ts';

export interface AheadMakerOptions {
  readonly clock: Clock;
  readonly place: (spec: FunctionSpec, wish: PlacementWish) => Promise<Sandbox>;
  readonly load: LoadSandbox;
  readonly offer: (sandbox: Sandbox, now: number) => void;
  readonly processors: number;
  readonly onLog: ServerLog;
}

/**
 * Makes sandboxes that a policy wants to be there when a call comes. They take room that is free on the account's instances and no other:
 * nothing is evicted, booted or waited for on a guess. No more are made at once than there are processors.
 */
export class AheadMaker {
  readonly #options: AheadMakerOptions;
  readonly #permits: Permits;
  made = 0;

  constructor(options: AheadMakerOptions) {
    this.#options = options;
    this.#permits = new Permits(options.processors);
  }

  make(due: AheadOfCall): void {
    const { onLog } = this.#options;
    this.#permits
      .run(() => this.#make(due))
      .catch((error: Error) =>
        onLog('info', `${due.spec.functionArn}: no sandbox was made ahead of a call: ${error.message}`),
      );
  }

  async #make(due: AheadOfCall): Promise<void> {
    const { place, load, offer, clock } = this.#options;
    const sandbox = await place(due.spec, { onActive: true });
    if (sandbox.ending) return;
    if (sandbox.state !== 'executing') await load(sandbox);
    this.made++;
    // One that another request has used meanwhile is like any other.
    if (!sandbox.hasServed) sandbox.expects = due;
    offer(sandbox, clock.now());
  }
}
