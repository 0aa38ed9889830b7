/** Where the log of a sandbox goes. */
export interface LogSink {
  /** `stream` is AWS's name of a log stream, `YYYY/MM/DD/[VERSION]hex32`. */
  open(account: string, group: string, stream: string): LogWriter;
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

/** Credentials with which function code acts as its own account. */
export type CredentialsFor = (account: string) => SessionCredentials;

/** The server's own log. */
export type ServerLog = (level: 'info' | 'warn' | 'error', message: string) => void;
