/** Gives mounts to sandboxes that run already and are unprivileged: the agent reaches into their mount namespaces. */
import {
  attachMount,
  chdir,
  CLONE_FS,
  CLONE_NEWNS,
  cloneMount,
  closeFd,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  O_RDONLY,
  openFd,
  setMountAttributes,
  setns,
  unshare,
} from '@hearth/linux';

export interface Gift {
  /** Path as the agent sees it. */
  source: string;
  /** Path as the sandbox sees it; must be there. */
  target: string;
  readOnly: boolean;
}

let home: number | undefined;

/**
 * Mounts each gift in the namespace. Runs to its end without yielding, because meanwhile this thread sees the
 * sandbox's files instead of its own.
 *
 * @param namespace descriptor of the sandbox's mount namespace.
 */
export function giveMounts(namespace: number, gifts: readonly Gift[]): void {
  home ??= openFd('/proc/self/ns/mnt', O_RDONLY);
  // setns(2) to a mount namespace wants a root and a working directory that no other thread shares, and every thread
  // that was started since the last time shares this one's.
  unshare(CLONE_FS);
  const clones: { fd: number; target: string }[] = [];
  try {
    for (const { source, target, readOnly } of gifts) {
      const fd = cloneMount(source, false);
      clones.push({ fd, target });
      setMountAttributes(fd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (readOnly ? MOUNT_ATTR_RDONLY : 0));
    }
    setns(namespace, CLONE_NEWNS);
    try {
      for (const { fd, target } of clones) attachMount(fd, target);
    } finally {
      setns(home, CLONE_NEWNS);
      chdir('/');
    }
  } finally {
    for (const { fd } of clones) closeFd(fd);
  }
}
