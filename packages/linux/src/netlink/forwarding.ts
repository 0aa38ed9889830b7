import { readFileSync, writeFileSync } from 'node:fs';
import { defaultRouteLinks } from './address.ts';
import { checkLinkName } from './link.ts';
import { NetlinkSocket } from './socket.ts';

/**
 * Lets packets be forwarded that come in on these interfaces, and on those that hold the default route, where the
 * answers come in; the machine's other interfaces stay as they are. Works in the network namespace of the calling
 * thread. What forwards already is left alone, and is not restored later: of callers that overlap, the first owns an
 * interface.
 *
 * Source: Linux's `Documentation/networking/ip-sysctl.rst`, `conf/interface/forwarding`.
 *
 * @returns what restores the former values; interfaces that are gone by then are no error.
 * @throws ENOENT where there is no such interface, EACCES or EROFS where sysctls may not be written; then all is as
 *   it was.
 */
export function setForwarding(interfaceNames: readonly string[]): () => void {
  using socket = NetlinkSocket.route();
  const former = new Map<string, string>();
  const restore = (): void => {
    for (const [path, value] of former) writeIfThere(path, value);
    former.clear();
  };
  try {
    for (const name of new Set([...interfaceNames, ...defaultRouteLinks(socket)])) {
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
    // Without O_CREAT: in /proc that turns "not there" into another error.
    writeFileSync(path, value, { flag: 'r+' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
