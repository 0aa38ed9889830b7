import type { FunctionSpec, Packages, RuntimeId } from './function-spec.ts';
import type { StartPath } from './glossary.ts';

/** Control messages on an agent's link, from the server to the agent. */
export type ToAgent =
  /**
   * Sent once, first. Zygotes of `runtimes` and of the built-in one are warmed; of that one `spares` are kept ready from
   * then on, of each other `otherSpares` once its zygote is warm.
   */
  | {
      type: 'configure';
      runtimes: readonly RuntimeId[];
      spares: number;
      otherSpares: number;
      slots: number;
      maxSlots: number;
    }
  /** The instance now belongs to this account. */
  | { type: 'assign'; account: string }
  /**
   * Make a sandbox for `spec`: of a spare, else by fork; by exec what can't be forked. Answered by `placed` or `lost`.
   */
  | { type: 'place'; sandbox: string; spec: FunctionSpec }
  /** Init has ended: from now on CPU in proportion to memory. */
  | { type: 'limit-cpu'; sandbox: string }
  /** Kill it and clean up. Answered by `lost`. */
  | { type: 'destroy'; sandbox: string; reason: string }
  /** Volumes asked for by `want-volumes` are there, at these slots' mount points. */
  | { type: 'volumes'; slots: number[] }
  /**
   * Have these packages in the cache, before any sandbox needs them, in place of those of the last such message. Answered by
   * `preloaded` with the same number.
   */
  | { type: 'preload'; request: number; packages: readonly Packages[] }
  /** Send `usage` for these sandboxes. */
  | { type: 'measure'; sandboxes: string[] }
  /** Is all well? Answered by `health` with the same number. */
  | { type: 'check'; check: number };

/** Control messages on an agent's link, from the agent to the server. */
export type FromAgent =
  /** The zygote is warm and the first spares are made. */
  | { type: 'ready' }
  /** A sandbox will connect with this token. `slot` is its place in the instance. */
  | { type: 'spare'; sandbox: string; token: string; slot: number }
  /**
   * The sandbox has its code and limits and waits for `init` on its own stream.
   * `sandbox` is the id the server asked with; `connection` names the spare that it became, whose stream it uses.
   */
  | {
      type: 'placed';
      sandbox: string;
      connection: string;
      slot: number;
      path: StartPath;
      reason: string;
      times: PlaceTimes;
    }
  /** The sandbox is gone, or was never made; its slot is clean again. */
  | {
      type: 'lost';
      /** The id that the server asked with; that of a spare which never was asked for. */
      sandbox: string;
      /** The id that it was announced with; absent where it never was. */
      connection?: string;
      reason: string;
      exit: SandboxExit | null;
      maxMemoryMb: number;
      /** It was never made, because its code can't be unpacked: to try again is of no use. */
      brokenPackage?: boolean;
    }
  /** Answer to `measure`. */
  | { type: 'usage'; sandboxes: { sandbox: string; usedBytes: number; maxBytes: number }[] }
  /** Answer to `check`: what is wrong, each in words; none where a sandbox can be forked and the disk can be used. */
  | { type: 'health'; check: number; problems: string[] }
  /** Answer to `preload`; `failure` says why some of the packages can't be had. */
  | { type: 'preloaded'; request: number; failure?: string }
  /** The agent wants code over this link, on stream `stream`; answered by chunks and `end`, or `error`. */
  | { type: 'fetch-code'; stream: number; sha256: string; account: string }
  /** The provider should make /tmp volumes for these slots. */
  | { type: 'want-volumes'; slots: number[]; sizeMb: number }
  /** For the server's log. */
  | { type: 'log'; level: 'info' | 'warn' | 'error'; message: string };

/** Milliseconds that each step of making a sandbox took, by the agent's clock. */
export interface PlaceTimes {
  code: number;
  sandbox: number;
}

/** How the first process of a sandbox ended. */
export interface SandboxExit {
  code: number | null;
  /** Signal name. */
  signal: string | null;
  /** Killed by the kernel for want of memory inside its own limit. */
  outOfMemory: boolean;
}
