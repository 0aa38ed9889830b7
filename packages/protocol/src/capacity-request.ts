import type { FunctionSpec } from './function-spec.ts';

/**
 * What is asked of a worker manager: a sandbox of this version, for an account, with so much memory (row L2). A message that could as well go to
 * another process: it holds nothing but data.
 */
export interface CapacityRequest {
  /** Absent where a sandbox is made ahead of any request. */
  readonly requestId?: string;
  /** 12 digits; whose partition it is decides which manager is asked. */
  readonly account: string;
  readonly spec: FunctionSpec;
  /** Milliseconds since the epoch after which the answer is of no use. */
  readonly deadlineMs: number;
  /** Of the ring by which the sender takes the manager to be the account's. */
  readonly epoch: number;
  /** All managers of the account have had enough of it: this one takes the request all the same. */
  readonly final: boolean;
}

/** Why a manager does not take a request; nothing has been done for it. */
export type CapacityRefusal =
  /** It runs as much for this account as it shall: another manager of the account's may take it (rows X7, N1). */
  | 'throttled'
  /** The sender knows an older ring, or a newer one: the account may be another manager's. */
  | 'moved'
  | 'too-late';
