import type { ErrorCode } from '@hearth/protocol';

/**
 * What services of the query protocol call errors that are AWS's general ones. All others lose `Exception` at their
 * end, which no name of that protocol has.
 *
 * Source: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
 */
export const QUERY_NAMES: Partial<Record<ErrorCode, string>> = {
  ExpiredTokenException: 'ExpiredToken',
  InvalidSignatureException: 'SignatureDoesNotMatch',
  RequestEntityTooLargeException: 'RequestEntityTooLarge',
  SerializationException: 'MalformedInput',
  ServiceException: 'InternalFailure',
  TooManyRequestsException: 'Throttling',
  UnknownOperationException: 'InvalidAction',
  UnrecognizedClientException: 'InvalidClientTokenId',
  ValidationException: 'ValidationError',
};

/**
 * An error's name in the query protocol.
 *
 * @param modelled the name that the service's own model has for it. General errors come before: what a model has under
 *   the same name is about something else.
 */
export function queryName(code: ErrorCode, modelled: string | undefined): string {
  return QUERY_NAMES[code] ?? modelled ?? code.replace(/Exception$/, '');
}
