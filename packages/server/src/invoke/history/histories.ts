import type { FunctionSpec } from '@hearth/protocol';
import { FunctionHistory } from './function-history.ts';

/** Function versions that are remembered; of more than these the one that was first seen is forgotten. */
const REMEMBERED = 10_000;

/** The histories of all function versions that have run. A change of code or settings makes another version of it. */
export class Histories {
  readonly #byKey = new Map<string, FunctionHistory>();

  /** Undefined where it has not run. */
  get({ key }: FunctionSpec): FunctionHistory | undefined {
    return this.#byKey.get(key);
  }

  of({ key }: FunctionSpec): FunctionHistory {
    return this.#byKey.get(key) ?? this.#add(key);
  }

  /** The version is no more. */
  forget({ key }: FunctionSpec): void {
    this.#byKey.delete(key);
  }

  #add(key: string): FunctionHistory {
    if (this.#byKey.size >= REMEMBERED) this.#byKey.delete(this.#byKey.keys().next().value!);
    const history = new FunctionHistory();
    this.#byKey.set(key, history);
    return history;
  }
}
