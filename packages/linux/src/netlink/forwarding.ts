import { readFileSync, writeFileSync } from 'node:fs';
import { checkLinkName } from './link.ts';

/**
 * Lets packets that come in on these interfaces be forwarded, and leaves the machine's other interfaces as they are.
 * For instances to reach the Internet it takes their own interfaces and, for the answers, those that hold the default
 * route. Works in the network namespace of the calling thread.
 *
 * Callers that overlap on an interface undo each other, so one owner sets the shared ones, once. Interfaces that are
 * gone by then are no error on restoring.
 *
 * Source: Linux's `Documentation/networking/ip-sysctl.rst`, `conf/interface/forwarding`.
 *
 * @returns what restores the former values.
 * @throws ENOENT where there is no such interface, EACCES or EROFS where sysctls may not be written; then all is as
 *   it was.
 */
export function setForwarding(interfaceNames: Iterable<string>): () => void {
  const former = new Map<string, string>();
  const restore = (): void => {
    for (const [path, value] of former) writeIfThere(path, value);
    former.clear();
  };
  try {
    for (const name of new Set(interfaceNames)) {
      // Not only for a clear message: the name becomes a part of a path.
      checkLinkName(name);
      const path = `/proc/sys/net/ipv4/conf/${name}/forwarding`;
      const value = readFileSync(path, 'latin1').trim();
      if (value === '1') continue;
      writeFileSync(path, '1');
      former.set(path, value);
    }
  } catch (error) {
    restore();
    throw error;
  }
  return restore;
}

function writeIfThere(path: string, value: string): void {
  try {
    // No O_CREAT: in /proc it would turn "not there" into "not permitted".
    writeFileSync(path, value, { flag: 'r+' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
