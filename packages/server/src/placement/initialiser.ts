import type { InitMessage } from '@hearth/protocol';
import type { Clock } from '../instances/clock.ts';
import { sandboxEnvironment } from './environment.ts';
import type { CredentialsFor } from './ports.ts';
import type { Sandbox, SandboxLoss } from './sandbox.ts';

/** How an init ended. `durationMs` by the server's clock. */
export type InitOutcome =
  | { readonly kind: 'initialised'; readonly durationMs: number }
  /** The function's code threw; `document` is AWS's error document in JSON. */
  | { readonly kind: 'failed'; readonly durationMs: number; readonly document: Buffer }
  | { readonly kind: 'timed-out'; readonly durationMs: number }
  | { readonly kind: 'lost'; readonly durationMs: number; readonly loss: SandboxLoss };

/** Has sandboxes load their function, and waits for it. */
export class Initialiser {
  readonly #clock: Clock;
  readonly #credentialsFor: CredentialsFor;
  readonly #endpointVariables: readonly string[];
  readonly #waiting = new Map<Sandbox, (outcome: InitOutcome) => void>();

  constructor(clock: Clock, credentialsFor: CredentialsFor, endpointVariables: readonly string[]) {
    this.#clock = clock;
    this.#credentialsFor = credentialsFor;
    this.#endpointVariables = endpointVariables;
  }

  /** Gets ready what `initialise` will send: keys and all, a quarter of a millisecond of work. */
  prepare(sandbox: Sandbox): void {
    sandbox.initMessage = this.#messageFor(sandbox);
  }

  /**
   * Sends init to a placed sandbox and waits for its end, at most `timeoutMs`. Until then it has no CPU quota. Only an
   * initialised sandbox is of use afterwards: it executes; the others the caller has to end.
   */
  initialise(sandbox: Sandbox, timeoutMs: number): Promise<InitOutcome> {
    sandbox.initStartedAt = this.#clock.now();
    if (sandbox.stream === undefined || sandbox.ending) {
      const loss: SandboxLoss = { reason: 'it ended before its init', exit: null, maxMemoryMb: 0 };
      return Promise.resolve({ kind: 'lost', durationMs: 0, loss });
    }
    const message = sandbox.initMessage ?? this.#messageFor(sandbox);
    sandbox.initMessage = undefined;
    return new Promise<InitOutcome>((resolve) => {
      const timer = this.#clock.setTimer(timeoutMs, () => settle({ kind: 'timed-out', durationMs: timeoutMs }));
      const settle = (ended: InitOutcome): void => {
        timer.cancel();
        this.#waiting.delete(sandbox);
        sandbox.holder = undefined;
        resolve(ended);
      };
      this.#waiting.set(sandbox, settle);
      const onLost = (loss: SandboxLoss): void =>
        settle({ kind: 'lost', durationMs: this.#clock.now() - sandbox.initStartedAt, loss });
      sandbox.holder = { onLost };
      sandbox.stream!.init(message);
    });
  }

  /** The sandbox's stream says that init is done. */
  initialised(sandbox: Sandbox): void {
    sandbox.loadedInMs = this.#clock.now() - sandbox.initStartedAt;
    sandbox.become('executing');
    sandbox.instance.instance.send({ type: 'limit-cpu', sandbox: sandbox.id });
    this.#waiting.get(sandbox)?.({ kind: 'initialised', durationMs: this.#clock.now() - sandbox.initStartedAt });
  }

  failed(sandbox: Sandbox, document: Buffer): void {
    this.#waiting.get(sandbox)?.({ kind: 'failed', durationMs: this.#clock.now() - sandbox.initStartedAt, document });
  }

  #messageFor({ spec, logStream, keeper }: Sandbox): InitMessage {
    const own = spec.capacityProvider === undefined ? 'on-demand' : 'lambda-managed-instances';
    const type = keeper?.initializationType ?? own;
    return {
      runtime: spec.runtime,
      handler: spec.handler,
      environment: sandboxEnvironment(spec, logStream, this.#credentialsFor(spec), this.#endpointVariables, type),
      functionName: spec.functionName,
      version: spec.version,
      memoryMb: spec.memoryMb,
      logGroup: spec.logGroup,
      logStream,
    };
  }
}
