/** V8's garbage collection, on request. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trimHeap } from '@hearth/linux';

/** V8's `gc`; see its `src/extensions/gc-extension.cc` for what it takes. */
export type Collect = (options: { type: 'major' | 'minor'; execution: 'sync'; flavor?: 'last-resort' }) => void;

/** Obtained without a flag of the process, which would show it to all code. */
export function garbageCollector(): Collect {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return collect;
}

/** Gives back what is not in use, to the last page. Takes some 20 ms; optimised code and bytecode stay. */
export function giveBackMemory(collect: Collect): void {
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  trimHeap();
}
