import type { ServerResponse } from 'node:http';
import { ApiError, errorEntry } from '@hearth/protocol';
import type { FailureLog } from './ports.ts';
import type { Answer, Protocol } from './protocols/protocol.ts';

/** For how long a client may leave an answer lie. Short ones are in the kernel's hands and cost nothing. */
const UNREAD_MS = 60_000;

/** Gives a long answer up, with what it holds, if its client does not read it. */
export function giveUpUnread(response: ServerResponse): void {
  response.setTimeout(UNREAD_MS, () => response.destroy());
}

/** Sends an answer with the headers that every answer has. */
export function send(response: ServerResponse, requestId: string, answer: Answer): void {
  const { status, headers, contentType, body } = answer;
  const all = ['x-amzn-requestid', requestId, ...headers];
  if (body !== undefined) {
    all.push('content-type', contentType, 'content-length', String(Buffer.byteLength(body)));
  }
  response.writeHead(status, all);
  response.end(body);
}

/** Sends JSON text as REST-JSON services do. */
export function sendJson(response: ServerResponse, requestId: string, status: number, body: string): void {
  send(response, requestId, { status, headers: [], contentType: 'application/json', body });
}

/** To whom an error is answered. */
export interface ErrorForm {
  /** The service's name, which may have a status of its own for an error. */
  readonly name: string;
  readonly protocol: Pick<Protocol, 'error'>;
}

/**
 * Sends an error in the form of the service that was called.
 *
 * What is no ApiError is a mistake of ours: it is logged, and the caller learns no more than the request id.
 */
export function sendError(
  response: ServerResponse,
  requestId: string,
  thrown: unknown,
  log: FailureLog,
  { name, protocol }: ErrorForm,
): void {
  // Nobody is there to be told, and what failed then may have failed because of it.
  if (response.destroyed) return;
  let error: ApiError;
  if (thrown instanceof ApiError) error = thrown;
  else {
    log.error({ requestId, error: thrown }, 'a request failed');
    error = new ApiError('ServiceException', `Hearth failed. The cause is in the server's log under ${requestId}.`);
  }
  // A response that has begun can't become an error any more: the client sees it break off.
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const answer = protocol.error(error, errorEntry(error.code, name), requestId);
  const { retryAfterSeconds: seconds } = error;
  send(
    response,
    requestId,
    seconds === undefined ? answer : { ...answer, headers: [...answer.headers, 'retry-after', String(seconds)] },
  );
}
