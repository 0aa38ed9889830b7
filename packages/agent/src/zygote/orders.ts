/** What agent and zygote say to each other: JSON lines on two pipes. */

import type { RuntimeId } from '@hearth/protocol';

/** Agent to zygote. */
export interface ForkOrder {
  sandbox: string;
  slot: number;
  /** What the sandbox says in its hellos to the server. */
  token: string;
  /** Made ahead of demand: it has time to get ready for its first function. */
  spare: boolean;
  /** Start the runtime anew instead of running in the forked process. */
  exec?: ExecOrder;
}

export interface ExecOrder {
  /** Options for the runtime itself. */
  options: string[];
}

/** Zygote to agent; `prepared` and `unprepared` come from the forked child itself. */
export type ZygoteEvent =
  /** `suitsLarge`: whether a fork's young generation can be made as large as a large function's should be. */
  | { event: 'warm'; suitsLarge: boolean }
  | { event: 'forked'; sandbox: string; pid: number }
  | { event: 'prepared'; sandbox: string }
  | { event: 'unprepared'; sandbox: string; message: string }
  | { event: 'dead'; pid: number; code: number | null; signal: number | null };

/** Descriptors of the two pipes in the zygote. */
export const ORDERS_FD = 3;
export const EVENTS_FD = 4;

/** What a zygote is told when it starts: what it is, and paths in an instance that the zygote opens before it loses sight of them. */
export interface ZygotePaths {
  runtime: RuntimeId;
  /** The runtime's Node. */
  node: string;
  cgroup: { version: 1 | 2; directory: string };
  /** Directory of the server's socket, and its name there. */
  socketDirectory: string;
  socketName: string;
  /** Network namespace of slot N is `netns/N`. */
  netns: string;
}
