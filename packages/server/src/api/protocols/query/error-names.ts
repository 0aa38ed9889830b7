import type { ErrorCode } from '@hearth/protocol';

/**
 * What services of the query protocol call errors that are AWS's general ones. All others lose `Exception` at their
 * end, which no name of that protocol has.
 *
 * Source: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
 */
export const QUERY_NAMES: Partial<Record<ErrorCode, string>> = {
  InvalidSignatureException: 'SignatureDoesNotMatch',
  RequestEntityTooLargeException: 'RequestEntityTooLarge',
  SerializationException: 'MalformedInput',
  ServiceException: 'InternalFailure',
  TooManyRequestsException: 'Throttling',
  UnknownOperationException: 'InvalidAction',
  UnrecognizedClientException: 'InvalidClientTokenId',
  ValidationException: 'ValidationError',
};

/** An error's name in the query protocol, where the service's own model doesn't have it. */
export function queryName(code: ErrorCode): string {
  return QUERY_NAMES[code] ?? code.replace(/Exception$/, '');
}
