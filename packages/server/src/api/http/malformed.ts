import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError, errorEntry } from '@hearth/protocol';
import { LAMBDA } from '../lambda/definition.ts';

/** How long a connection is kept for its client to read what was wrong, and bytes that are thrown away meanwhile. */
const LINGER_MS = 1_000;
const LINGER_BYTES = 1024 * 1024;

/** What node:http says of bytes that are no request, by its code; anything else is a malformed request. */
const KNOWN: Readonly<Record<string, () => ApiError>> = {
  HPE_HEADER_OVERFLOW: tooManyHeaders,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: () => malformed('its chunk extensions are too long'),
  ERR_HTTP_REQUEST_TIMEOUT: () =>
    new ApiError('RequestTimeoutException', 'The request did not come whole in the time that it may take.'),
};

/** The error for a request whose headers are too long or too many. */
export function tooManyHeaders(): ApiError {
  return new ApiError(
    'RequestHeaderFieldsTooLargeException',
    'The headers of the request are longer than 16 KB together, or more than 200.',
  );
}

/** The error for what breaks the rules of HTTP. */
export function malformed(what: string): ApiError {
  return new ApiError('BadRequestException', `The request is not well-formed HTTP: ${what}.`);
}

/**
 * Answers a connection on which something came that is no request, in the form of all other errors, and closes it. Whose
 * service it was for can't be told, so the form is Lambda's.
 *
 * @param started whether an answer has begun on this connection: then there is no place for another.
 */
export function refuseConnection(
  cause: NodeJS.ErrnoException & { reason?: string },
  socket: Duplex,
  started: boolean,
): void {
  // Gone, or broken on the way.
  if (!socket.writable || started || cause.code === 'ECONNRESET' || cause.code === 'EPIPE') {
    socket.destroy();
    return;
  }
  const error = (KNOWN[cause.code ?? ''] ?? (() => malformed(cause.reason ?? 'it can not be parsed')))();
  socket.end(rawAnswer(error));
  // If the socket were closed at once, while bytes of the client's are unread, the client might not get to read this.
  let bytes = 0;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) socket.destroy();
  });
  socket.once('close', () => clearTimeout(timer));
}

/** An error as text for the wire, for where node:http makes no response. */
export function rawAnswer(error: ApiError): string {
  const requestId = randomUUID();
  const answer = LAMBDA.protocol.error(error, errorEntry(error.code), requestId);
  const { status, headers, contentType, body = '' } = answer;
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]!}`, `x-amzn-requestid: ${requestId}`];
  for (let index = 0; index < headers.length; index += 2) lines.push(`${headers[index]!}: ${headers[index + 1]!}`);
  lines.push(
    `content-type: ${contentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  );
  return lines.join('\r\n');
}
