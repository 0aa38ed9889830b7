import type { FromAgent } from '@hearth/protocol';
import type { Clock } from './clock.ts';
import { ProviderError } from './provider.ts';

/** Fetching and unpacking 250 MB on a busy machine takes seconds, and there may be dozens. An agent that needs longer is stuck. */
const TIMEOUT_MS = 300_000;
const HINT = 'Functions whose code was to be loaded ahead load it when they are first invoked there.';

/** What an agent was asked to load ahead and has not answered yet. */
export class PreloadRequests implements Disposable {
  readonly #clock: Clock;
  readonly #open = new Map<number, (failure: string | undefined) => void>();
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param send is called with the number of the request.
   * Rejects with a {@link ProviderError} where the agent says that something can't be had, or doesn't answer.
   */
  ask(send: (request: number) => void): Promise<void> {
    const request = ++this.#last;
    return new Promise((resolve, reject) => {
      const settle = (failure: string | undefined): void => {
        timer.cancel();
        this.#open.delete(request);
        if (failure === undefined) resolve();
        else reject(new ProviderError(`code could not be loaded ahead: ${failure}`, HINT));
      };
      const timer = this.#clock.setTimer(TIMEOUT_MS, () => settle(`no answer came in ${TIMEOUT_MS / 1000} s`));
      this.#open.set(request, settle);
      send(request);
    });
  }

  answered({ request, failure }: FromAgent & { type: 'preloaded' }): void {
    this.#open.get(request)?.(failure);
  }

  [Symbol.dispose](): void {
    for (const settle of this.#open.values()) settle('its instance is gone');
  }
}
