/**
 * How a process just forked from the zygote becomes a sandbox. The order matters: first what needs privileges, then
 * the privileges go, step by step, until only user code's rights are left.
 */
import {
  becomeUser,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWUTS,
  closeFd,
  connectUnix,
  dropCapabilities,
  dup2,
  fchdir,
  chdir,
  installSeccomp,
  mount,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REMOUNT,
  O_RDONLY,
  O_WRONLY,
  openAt,
  setDumpable,
  setHostname,
  setLimit,
  setNoNewPrivileges,
  setns,
  setsid,
  unshare,
  writeFd,
} from '@hearth/linux';
import { encodeJson, Kind } from '@hearth/protocol';
import { EVENTS_FD, type ForkOrder } from './orders.ts';

/** What the zygote opened before it entered the sandboxes' root. */
export interface Handles {
  /** One directory for each cgroup tree. */
  cgroups: number[];
  socketDirectory: number;
  socketName: string;
  netns: number;
  filter: Buffer;
  /** Files in /proc that sandboxes must not see, of those that this kernel has. */
  masked: string[];
}

const SELF = Buffer.from('0');
const FIRST_UID = 1000;
const MAX_DESCRIPTORS = 1024;

/** Parts of /proc that say something of the machine or act on it. */
export const MASKED = ['kcore', 'keys', 'key-users', 'timer_list', 'sysrq-trigger', 'kmsg', 'kallsyms', 'config.gz'];
const READ_ONLY_PROC = ['sys', 'bus', 'fs', 'irq'];

/** @returns the descriptor of the stream to the server; descriptors 1 and 2 lead to the server as well. */
export function becomeSandbox(order: ForkOrder, handles: Handles): number {
  const slot = `s${order.slot}`;
  for (const directory of handles.cgroups) {
    const procs = openAt(directory, `${slot}/cgroup.procs`, O_WRONLY);
    writeFd(procs, SELF);
    closeFd(procs);
  }
  setsid();
  unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP);
  // From here on the agent can give it mounts, while it goes on with what is its own to do.
  writeFd(EVENTS_FD, Buffer.from(`${JSON.stringify({ event: 'prepared', sandbox: order.sandbox })}\n`));
  const netns = openAt(handles.netns, String(order.slot), O_RDONLY);
  setns(netns, CLONE_NEWNET);
  closeFd(netns);
  fchdir(handles.socketDirectory);
  const stream = hello(handles.socketName, { role: 'sandbox', token: order.token });
  const stdio = hello(handles.socketName, { role: 'stdio', token: order.token });
  chdir('/');
  mountProc(handles.masked);
  setHostname(`sandbox-${order.slot}`);
  dup2(stdio, 1);
  dup2(stdio, 2);
  closeFd(stdio);
  for (const fd of [...handles.cgroups, handles.socketDirectory, handles.netns, EVENTS_FD]) closeFd(fd);
  setLimit('nofile', MAX_DESCRIPTORS);
  becomeUser(FIRST_UID + order.slot, FIRST_UID + order.slot);
  dropCapabilities();
  setNoNewPrivileges();
  // A change of user made this process undumpable, and its own /proc/self unreadable to it.
  setDumpable(true);
  installSeccomp(handles.filter);
  return stream;
}

function hello(socket: string, message: unknown): number {
  const fd = connectUnix(socket);
  writeFd(fd, encodeJson(Kind.hello, 0, message));
  return fd;
}

function mountProc(masked: readonly string[]): void {
  mount('proc', '/proc', 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC);
  for (const name of READ_ONLY_PROC) {
    mount(`/proc/${name}`, `/proc/${name}`, null, MS_BIND);
    mount(null, `/proc/${name}`, null, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
  }
  for (const name of masked) mount('/dev/null', `/proc/${name}`, null, MS_BIND);
}
