import { HEADER_BYTES, INLINE_BODY, Kind, writeHeader } from './frames.ts';
import type { RuntimeId } from './function-spec.ts';

/** First frame on every connection into the server from inside an instance. */
export type Hello =
  /** The agent's link. */
  | { role: 'agent'; token: string; version: string }
  /** A sandbox's own stream; `token` is used once. */
  | { role: 'sandbox'; token: string }
  /** What a sandbox's processes write to descriptors 1 and 2, as plain bytes after the hello. */
  | { role: 'stdio'; token: string }
  /** Plain HTTP to Hearth's own API after the hello, relayed by the agent for one of its slots. */
  | { role: 'relay'; token: string; sandbox: string };

/** Tells a spare what to become. */
export interface InitMessage {
  /** The function's runtime, whose Node this process runs: handlers and logs differ from one to the next. */
  runtime: RuntimeId;
  handler: string;
  /** The whole environment of the process. */
  environment: Record<string, string>;
  functionName: string;
  version: string;
  memoryMb: number;
  logGroup: string;
  logStream: string;
}

/** What travels with an event. */
export interface InvokeMeta {
  requestId: string;
  /** Milliseconds that it may take, from when it begins. */
  timeoutMs: number;
  /** As invoked, qualifier included. */
  arn: string;
  traceId?: string;
  /** Whom the sandbox serves, where the function has tenants. */
  tenantId?: string;
  /** JSON text of the client context, not base64. */
  clientContext?: string;
  /** Bytes of the event in all; those that don't stand in this frame follow as chunks. */
  length: number;
}

/** Content type of a streamed response that begins with a JSON prelude (status code, headers, cookies) and {@link PRELUDE_END}. */
export const HTTP_INTEGRATION_RESPONSE = 'application/vnd.awslambda.http-integration-response';

/** NUL bytes between a prelude and the body. */
export const PRELUDE_END = 8;

/** AWS's error document, as function code's callers see it. */
export interface ErrorBody {
  errorType: string;
  errorMessage: string;
  trace?: string[];
  cause?: unknown;
}

/**
 * An `invoke` frame: u32 length of the JSON meta, meta, then the event, or its first {@link INLINE_BODY} bytes where
 * it is longer.
 *
 * @returns the frame, and how many bytes of the event it holds.
 */
export function encodeInvoke(stream: number, meta: InvokeMeta, event: Buffer): { frame: Buffer; inline: number } {
  const json = JSON.stringify(meta);
  const jsonLength = Buffer.byteLength(json);
  const inline = Math.min(event.length, INLINE_BODY);
  const length = 4 + jsonLength + inline;
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  writeHeader(frame, 0, Kind.invoke, stream, length);
  frame.writeUInt32LE(jsonLength, HEADER_BYTES);
  frame.write(json, HEADER_BYTES + 4);
  event.copy(frame, HEADER_BYTES + 4 + jsonLength, 0, inline);
  return { frame, inline };
}

/** The inverse of {@link encodeInvoke}; `event` is a view of `payload`. */
export function decodeInvoke(payload: Buffer): { meta: InvokeMeta; event: Buffer } {
  const jsonLength = payload.readUInt32LE(0);
  const meta = JSON.parse(payload.toString('utf8', 4, 4 + jsonLength)) as InvokeMeta;
  return { meta, event: payload.subarray(4 + jsonLength) };
}
