import type { FunctionSpec, RuntimeId } from '@hearth/protocol';

/** Where the log of a sandbox goes. */
export interface LogSink {
  /** `stream` is AWS's name of a log stream, `YYYY/MM/DD/[VERSION]hex32`. */
  open(owner: { readonly account: string; readonly region: string }, group: string, stream: string): LogWriter;
}

export interface LogWriter {
  /**
   * Takes whole lines. A buffer is valid until the call returns. Must not throw and must not block: a sandbox's flood
   * or a full disk is the log's own affair.
   */
  write(text: string | Buffer, requestId?: string): void;
  /** The sandbox is no more. */
  close(): void;
}

/** AWS credentials in the form that SDKs read from the environment. */
export interface SessionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/**
 * Credentials with which a function acts as its own account. They are good for longer than its sandbox is kept
 * (`renewAfterMs`) and its longest invocation after that.
 */
export type CredentialsFor = (spec: FunctionSpec) => SessionCredentials;

/**
 * Undefined where a runtime's binary is there. Else it is being fetched: resolves when it is there; rejects with an ApiError where
 * it can't be fetched now.
 */
export type RuntimeComing = (runtime: RuntimeId) => Promise<void> | undefined;

/** The server's own log. */
export type ServerLog = (level: 'info' | 'warn' | 'error', message: string) => void;
