import { watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';

/** Editors save in several steps, and tools write several files: after this long without another one the change is complete. */
const QUIET_MS = 10;

/**
 * Yields once when it watches, and then after each change of a folder or of one file, until the signal is aborted. Changes while the caller is at work on the last one come as
 * one when it asks again.
 *
 * @throws the system's error where the path can't be watched, and where the machine has no more watches to give.
 */
export async function* changesOf(path: string, signal: AbortSignal): AsyncGenerator<void> {
  const absolute = resolve(path);
  const folder = (await stat(absolute)).isDirectory();
  // Editors put a new file in the place of the old one: what is watched is where it is.
  const directory = folder ? absolute : dirname(absolute);
  const name = basename(absolute);
  // What has changed before it watched is a change too.
  let changedAt: number | undefined = performance.now() - QUIET_MS;
  let wake = (): void => undefined;
  let failure: Error | undefined;
  using watcher = disposable(watch(directory, { recursive: folder }));
  watcher.on('change', (_event, file) => {
    if (!folder && file !== name) return;
    changedAt = performance.now();
    wake();
  });
  watcher.on('error', (error) => {
    failure = error;
    wake();
  });
  signal.addEventListener('abort', () => wake(), { once: true });
  while (!signal.aborted) {
    if (failure !== undefined) throw failure;
    const quietMs = changedAt === undefined ? undefined : performance.now() - changedAt;
    if (quietMs !== undefined && quietMs >= QUIET_MS) {
      changedAt = undefined;
      yield;
      continue;
    }
    await new Promise<void>((done) => {
      const timer = quietMs === undefined ? undefined : setTimeout(done, QUIET_MS - quietMs);
      wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }
}

function disposable<T extends { close(): void }>(watcher: T): T & Disposable {
  return Object.assign(watcher, { [Symbol.dispose]: () => watcher.close() });
}
