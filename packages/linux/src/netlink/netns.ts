import { closeSync, openSync } from 'node:fs';
import { types } from 'node:util';
import { CLONE_NEWNET, setns, unshare } from '../libc.ts';

/** The network namespace of the calling thread; Node's main thread is not always the process's own answer. */
const OWN_NETNS = '/proc/thread-self/ns/net';

/**
 * Runs `work` with the calling thread in another network namespace, and comes back however it ends. Sockets made and
 * processes started by `work` stay in that namespace. Only what `work` does before it returns is in it: it must not
 * be asynchronous.
 *
 * Source: setns(2), network_namespaces(7).
 *
 * @param netns descriptor of a network namespace.
 * @throws {SystemCallError} where the namespace can't be entered: that needs CAP_SYS_ADMIN in the user namespaces of
 *   the thread and of the network namespace.
 * @throws {TypeError} where `work` returns a promise.
 */
export function withNetns<T>(netns: number, work: () => T): T {
  const home = openSync(OWN_NETNS, 'r');
  try {
    setns(netns, CLONE_NEWNET);
    try {
      const result = work();
      if (types.isPromise(result)) {
        throw new TypeError('work in a network namespace must be synchronous. Hint: await outside of withNetns');
      }
      return result;
    } finally {
      setns(home, CLONE_NEWNET);
    }
  } finally {
    closeSync(home);
  }
}

/**
 * Makes a network namespace, its loopback down. The calling thread is in its own again on return.
 *
 * @returns a descriptor (close-on-exec) that keeps the namespace alive; the caller closes it.
 * @throws {SystemCallError} where the thread may not make one: that needs CAP_SYS_ADMIN in its user namespace.
 */
export function newNetns(): number {
  const home = openSync(OWN_NETNS, 'r');
  try {
    unshare(CLONE_NEWNET);
    try {
      return openSync(OWN_NETNS, 'r');
    } finally {
      setns(home, CLONE_NEWNET);
    }
  } finally {
    closeSync(home);
  }
}
