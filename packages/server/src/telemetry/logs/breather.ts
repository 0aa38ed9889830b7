import { setImmediate as turn } from 'node:timers/promises';

/** Milliseconds after which work that goes on lets others have their turn. */
const SLICE_MS = 4;

let since = 0;

/**
 * Lets the process do other things when work like this has gone on for some milliseconds. All who work through long logs
 * share the time, so that several of them hold others up no longer than one.
 *
 * @throws the signal's reason once it is aborted.
 */
export async function breathe(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  if (performance.now() - since < SLICE_MS) return;
  await turn();
  since = performance.now();
}
