import { readFileSync } from 'node:fs';

/** Of the descriptors that this process may have, those that connections may take; the rest is for sandboxes, code and logs. */
const SHARE = 0.5;

/**
 * How many connections there is room for.
 *
 * @param wanted the setting.
 * @param limits as /proc/self/limits has them; this process's if absent. Node has raised its own limit as far as it may.
 */
export function connectionsThatFit(wanted: number, limits = readFileSync('/proc/self/limits', 'utf8')): number {
  const files = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return files === undefined ? wanted : Math.min(wanted, Math.floor(Number(files) * SHARE));
}
