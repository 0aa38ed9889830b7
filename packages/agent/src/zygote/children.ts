/**
 * The children of the zygote, watched by a descriptor each. SIGCHLD would not do: it is the whole process's, and any of
 * Node's own threads may take it away.
 */
import {
  addToEpoll,
  closeFd,
  closeFrom,
  createEpoll,
  openPidfd,
  reap,
  removeFromEpoll,
  type WaitResult,
} from '@hearth/linux';

/**
 * The children's descriptors have numbers from here on, above all that the zygote has open otherwise, so that a forked
 * child gets rid of its siblings' at one blow. Not higher: the table that a fork copies reaches to the highest one.
 */
const FIRST_FD = 128;

export class Children {
  /** Readable while there are children that have ended and have not been reaped. */
  readonly fd = createEpoll();
  readonly #pidfds = new Map<number, number>();

  /** Watches a child just forked; it may have ended already. */
  watch(pid: number): void {
    const pidfd = openPidfd(pid, FIRST_FD);
    this.#pidfds.set(pid, pidfd);
    addToEpoll(this.fd, pidfd);
  }

  /** Takes leave of all that have ended. */
  reap(): WaitResult[] {
    const ended: WaitResult[] = [];
    for (let end = reap(); end !== undefined; end = reap()) {
      const pidfd = this.#pidfds.get(end.pid);
      if (pidfd !== undefined) {
        this.#pidfds.delete(end.pid);
        // A child just forked has a copy of it for a moment, or for as long as it is stopped.
        removeFromEpoll(this.fd, pidfd);
        closeFd(pidfd);
      }
      ended.push(end);
    }
    return ended;
  }

  /** In a forked child: it must not hold, signal or even see its siblings. */
  leave(): void {
    closeFd(this.fd);
    closeFrom(FIRST_FD);
  }
}
