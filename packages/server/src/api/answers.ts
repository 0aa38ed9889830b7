import type { ServerResponse } from 'node:http';
import { ApiError, ERRORS } from '@hearth/protocol';
import { MODELLED_ERRORS } from './model.ts';
import type { FailureLog } from './ports.ts';

/** Sends JSON text, or no body, with the headers that every answer has. */
export function sendJson(
  response: ServerResponse,
  requestId: string,
  status: number,
  body: string | undefined,
  headers: readonly string[] = [],
): void {
  const all = ['x-amzn-requestid', requestId, ...headers];
  if (status !== 204) {
    all.push('content-type', 'application/json', 'content-length', String(Buffer.byteLength(body ?? '')));
  }
  response.writeHead(status, all);
  response.end(status === 204 ? undefined : body);
}

/**
 * Sends an error as AWS's REST-JSON services do: the name in a header, fault and message in the body, the message
 * under the name that the model has for this error.
 *
 * What is no ApiError is a mistake of ours: it is logged, and the caller learns no more than the request id.
 */
export function sendError(response: ServerResponse, requestId: string, thrown: unknown, log: FailureLog): void {
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
  const member = MODELLED_ERRORS.get(error.code)?.messageMember ?? 'message';
  const body = {
    ...(error.reason === undefined ? {} : { Reason: error.reason }),
    Type: ERRORS[error.code].fault === 'caller' ? 'User' : 'Service',
    [member]: error.message,
  };
  const headers = ['x-amzn-errortype', error.code];
  if (error.retryAfterSeconds !== undefined) headers.push('retry-after', String(error.retryAfterSeconds));
  sendJson(response, requestId, error.status, JSON.stringify(body), headers);
}
