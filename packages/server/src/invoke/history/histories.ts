import type { FunctionSpec } from '@hearth/protocol';
import { FunctionHistory } from './function-history.ts';
import { advise } from './sizing-advice.ts';
import type { SizingAdvice } from './sizing-advice.ts';
import type { Usage } from './usage-window.ts';

/** Function versions that are remembered; of more than these the one that was first seen is forgotten. */
const REMEMBERED = 10_000;

/** A function version's size, how it has done with that, and what would be better; null where nothing would, or it has run too rarely to tell. */
export interface SizingView extends Usage {
  account: string;
  region: string;
  functionName: string;
  version: string;
  memoryMb: number;
  advice: SizingAdvice | null;
}

/** The histories of all function versions that have run. A change of code or settings makes another version of it. */
export class Histories {
  readonly #byKey = new Map<string, FunctionHistory>();

  /** Undefined where it has not run. */
  get({ key }: FunctionSpec): FunctionHistory | undefined {
    return this.#byKey.get(key);
  }

  of(spec: FunctionSpec): FunctionHistory {
    return this.#byKey.get(spec.key) ?? this.#add(spec);
  }

  /** The version is no more. */
  forget({ key }: FunctionSpec): void {
    this.#byKey.delete(key);
  }

  /** What `GET /_hearth/advice` shows. */
  view(): SizingView[] {
    return Array.from(this.#byKey.values(), ({ spec, usage }) => ({
      account: spec.account,
      region: spec.region,
      functionName: spec.functionName,
      version: spec.version,
      memoryMb: spec.memoryMb,
      ...usage,
      advice: advise(spec.memoryMb, usage) ?? null,
    }));
  }

  #add(spec: FunctionSpec): FunctionHistory {
    if (this.#byKey.size >= REMEMBERED) this.#byKey.delete(this.#byKey.keys().next().value!);
    const history = new FunctionHistory(spec);
    this.#byKey.set(spec.key, history);
    return history;
  }
}
