import { NodeJsExitError } from './runtime-errors.ts';

/** What `context` has in nodejs22.x beside the rest. */
export interface CallbackContext {
  callbackWaitsForEmptyEventLoop: boolean;
  succeed(result?: unknown): void;
  fail(error?: unknown): void;
  done(error?: unknown, result?: unknown): void;
}

/** How an invocation ends. */
export interface Ending {
  succeed(result: unknown): void;
  fail(error: unknown): void;
}

/**
 * The ways in which a handler of nodejs22.x can end its invocation: by a promise, by its third argument, by the methods of
 * its context, or by leaving nothing to wait for. The first one counts.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html (callback-based function handlers),
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html and AWS's runtime interface client.
 */
export class Callbacks {
  readonly context: CallbackContext;
  readonly #ending: Ending;
  #ended = false;
  /** What to answer once the event loop is empty. */
  #onEmptyLoop: () => void = () => this.#ending.succeed(null);

  constructor(ending: Ending) {
    this.#ending = ending;
    this.context = {
      callbackWaitsForEmptyEventLoop: true,
      succeed: (result) => this.#end(undefined, result),
      fail: (error) => this.#end(error ?? 'handled', undefined),
      done: (error, result) => this.#end(error, result),
    };
  }

  readonly callback = (error?: unknown, result?: unknown): void => {
    const waits = error === undefined || error === null ? this.context.callbackWaitsForEmptyEventLoop : false;
    if (!waits) return this.#end(error, result);
    if (this.#ended) return;
    this.#ended = true;
    this.#onEmptyLoop = () => this.#ending.succeed(result);
  };

  /** Takes what the handler returned: only a promise means something. */
  returned(value: unknown, handler: Function): void {
    if (isThenable(value)) void value.then(this.context.succeed, this.context.fail);
    if (!this.#ended && isAsync(handler)) {
      this.#onEmptyLoop = () => this.#ending.fail(new NodeJsExitError());
    }
  }

  /** Nothing is left that could call back. */
  onEmptyLoop(): void {
    const answer = this.#onEmptyLoop;
    this.#ended = true;
    this.#onEmptyLoop = () => {};
    answer();
  }

  #end(error: unknown, result: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEmptyLoop = () => {};
    if (error === undefined || error === null) this.#ending.succeed(result);
    else this.#ending.fail(error);
  }
}

/** Whether a handler ends its invocations by calling back, as far as its form tells. */
export function isCallbackHandler(handler: Function): boolean {
  return handler.length === 3 && !isAsync(handler);
}

function isAsync(handler: Function): boolean {
  return (handler.constructor as Function | undefined)?.name === 'AsyncFunction';
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
