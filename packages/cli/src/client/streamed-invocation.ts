import { EventStreamCodec } from '@smithy/core/event-streams';
import { CliError } from '../cli-error.ts';
import type { Invoked } from './functions.ts';
import type { Server } from './server.ts';

/** What the last event tells (InvokeWithResponseStreamCompleteEvent in Lambda's API reference). */
interface Complete {
  ErrorCode?: string;
  ErrorDetails?: string;
  LogResult?: string;
}

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString(),
  (text) => Buffer.from(text),
);

/**
 * Invokes a function by InvokeWithResponseStream.
 *
 * @param take gets what the function streams, piece by piece; the next one comes when it resolves.
 * @returns how it ended: its payload is AWS's error document where it failed, else empty.
 * @throws CliError as any request, and where the answer breaks off.
 */
export async function invokeStreaming(
  server: Server,
  name: string,
  payload: Buffer,
  options: { qualifier?: string | undefined; log?: boolean },
  take: (piece: Buffer) => Promise<void>,
): Promise<Invoked> {
  const start = performance.now();
  const path = `/2021-11-15/functions/${encodeURIComponent(name)}/response-streaming-invocations`;
  const response = await server.open('POST', path, {
    body: payload,
    query: { Qualifier: options.qualifier },
    headers: options.log === true ? { 'x-amz-log-type': 'Tail' } : {},
  });
  let complete: Complete | undefined;
  for await (const message of messages(response)) {
    const { headers, body } = codec.decode(message);
    if (headers[':event-type']?.value === 'PayloadChunk') await take(Buffer.from(body));
    else complete = JSON.parse(Buffer.from(body).toString()) as Complete;
  }
  if (complete === undefined) {
    throw new CliError('The answer broke off before its end.', {
      hint: 'See whether the server still runs, and what it logged last.',
    });
  }
  const header = (key: string) => response.headers[key] as string | undefined;
  return {
    payload: Buffer.from(complete.ErrorDetails ?? ''),
    functionError: complete.ErrorCode,
    logTail: complete.LogResult === undefined ? undefined : Buffer.from(complete.LogResult, 'base64').toString(),
    startPath: header('x-hearth-start-path'),
    requestId: header('x-amzn-requestid'),
    version: header('x-amz-executed-version'),
    milliseconds: performance.now() - start,
  };
}

/** Cuts an event stream into its messages, each of which begins with its length. */
async function* messages(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const bytes of stream) {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0);
      if (rest.length < length) break;
      yield rest.subarray(0, length);
      rest = rest.subarray(length);
    }
  }
}
