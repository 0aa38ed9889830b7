import { setTimeout as pause } from 'node:timers/promises';

const PAUSE_MS = 25;

/**
 * Asks again and again until `check` doesn't throw.
 *
 * @returns what it returned. @throws what it threw last when the time is over.
 */
export async function eventually<T>(check: () => T | Promise<T>, limitMs = 15_000): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await pause(PAUSE_MS);
  }
}
