import { SERVICE_ERRORS } from './service-errors.ts';
import type { ServiceErrorCode } from './service-errors.ts';

/** Whose doing an error is: the one who called, or Hearth and its machine. */
export type Fault = 'caller' | 'service';

export interface ErrorEntry {
  /** HTTP status of the answer. */
  readonly status: number;
  readonly fault: Fault;
  /** When it is answered. */
  readonly meaning: string;
  /** What the reader of the error can do. */
  readonly cure: string;
}

/**
 * The errors of Lambda's API and those that all services have. Names and statuses are those of AWS's Lambda model where
 * it has them (`@aws-sdk/client-lambda`, held against it by a test); the rest are the general ones of AWS's services.
 * What other services have beside them is in service-errors.ts. docs/reference/errors.md is made from both tables.
 */
export const ERRORS = {
  AccessDeniedException: {
    status: 403,
    fault: 'caller',
    meaning: 'The request is refused: it names another account, comes from a web page, or lacks rights.',
    cure: 'Use credentials of the account that owns the function, and call Hearth from a program, not from a web page.',
  },
  BadRequestException: {
    status: 400,
    fault: 'caller',
    meaning: 'What came is not well-formed HTTP. The answer closes the connection.',
    cure: "Read the message: it says what could not be read. AWS's SDKs and CLI never send such a request.",
  },
  CodeStorageExceededException: {
    status: 400,
    fault: 'caller',
    meaning: 'The code of all functions and layers of the account in this region would exceed 75 GB.',
    cure: 'Delete functions and layer versions that are no longer needed.',
  },
  ExpiredTokenException: {
    status: 403,
    fault: 'caller',
    meaning: 'The session credentials that the request is signed with have expired.',
    cure: 'Get new ones. A function finds its own in its environment: they outlast its invocation, not its sandbox.',
  },
  IncompleteSignatureException: {
    status: 403,
    fault: 'caller',
    meaning: 'The signature of the request is not whole, or of another kind than Signature Version 4.',
    cure: "Read the message: it names what is missing. AWS's SDKs and CLI never send such a signature.",
  },
  InvalidParameterValueException: {
    status: 400,
    fault: 'caller',
    meaning: 'A parameter is well-formed but its value cannot be used.',
    cure: 'Read the message: it names the parameter and what is allowed.',
  },
  InvalidRequestContentException: {
    status: 400,
    fault: 'caller',
    meaning: 'The body of an Invoke request is not JSON, or a header of it cannot be decoded.',
    cure: 'Send a JSON document as the payload; with the AWS CLI add --cli-binary-format raw-in-base64-out.',
  },
  InvalidSignatureException: {
    status: 403,
    fault: 'caller',
    meaning:
      'The signature is not the one that the secret key gives, is too old or too new, or is for another service.',
    cure: 'Check the secret access key, the clock of your machine (5 minutes are allowed) and the region; a proxy must not change signed headers.',
  },
  InvalidZipFileException: {
    status: 502,
    fault: 'service',
    meaning: 'The stored code of the function could not be unpacked when it was to be run.',
    cure: 'Upload the code again with UpdateFunctionCode.',
  },
  MalformedHttpRequestException: {
    status: 400,
    fault: 'caller',
    meaning: 'The body of the request is not encoded as its headers say.',
    cure: "Send the body as it is, without a content encoding, as AWS's SDKs do.",
  },
  MissingAuthenticationTokenException: {
    status: 403,
    fault: 'caller',
    meaning: 'The server checks signatures (`--auth sigv4`) and the request has none.',
    cure: 'Sign it with a key of your account: give the client AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
  },
  NotImplementedException: {
    status: 501,
    fault: 'service',
    meaning: 'The operation, or the way it was asked for, exists on AWS but not in Hearth yet.',
    cure: 'The message names what is missing and, where there is one, another way.',
  },
  PolicyLengthExceededException: {
    status: 400,
    fault: 'caller',
    meaning: 'The resource policy of the function, version, alias or layer version would be larger than 20 KB.',
    cure: 'Remove permissions that are no longer needed, or allow more with one: a whole account, or a pattern of ARNs.',
  },
  PreconditionFailedException: {
    status: 412,
    fault: 'caller',
    meaning:
      'The RevisionId sent is not the current one: someone else has changed the function, its alias, its policy or the ' +
      "layer version's.",
    cure: 'Read it again and repeat the change with its current RevisionId.',
  },
  ProvisionedConcurrencyConfigNotFoundException: {
    status: 404,
    fault: 'caller',
    meaning: 'The version or alias has no provisioned concurrency.',
    cure: 'Give it some with PutProvisionedConcurrencyConfig, or name the version or alias that has it.',
  },
  RequestEntityTooLargeException: {
    status: 413,
    fault: 'caller',
    meaning: 'The body of a request other than Invoke is larger than 70,167,211 bytes.',
    cure: 'Make the deployment package smaller than 50 MB.',
  },
  RequestHeaderFieldsTooLargeException: {
    status: 431,
    fault: 'caller',
    meaning: 'The headers of the request are longer than 16 KB together, or more than 200.',
    cure: 'Send less in headers. A client context may have 3,583 bytes.',
  },
  RequestTimeoutException: {
    status: 408,
    fault: 'caller',
    meaning: 'The headers or the body of the request did not come whole in time. The answer closes the connection.',
    cure: 'Send faster, or raise the settings `headersTimeoutMs` and `requestTimeoutMs`.',
  },
  RequestTooLargeException: {
    status: 413,
    fault: 'caller',
    meaning: 'The payload of an Invoke request is larger than 6 MB.',
    cure: 'Send less, or send a reference to where the data is kept.',
  },
  ResourceConflictException: {
    status: 409,
    fault: 'caller',
    meaning:
      'The function, alias or statement exists already, another change is under way, an alias still points to the ' +
      'version that is to be deleted, or a version would have provisioned concurrency twice.',
    cure: "Choose another name; wait with the SDK's functionUpdatedV2 waiter and try again; or move the alias first.",
  },
  ResourceNotFoundException: {
    status: 404,
    fault: 'caller',
    meaning: 'There is no such function, version, alias, layer, policy or record for this account in this region.',
    cure: 'Check the name, the region and the account of the credentials; `hearth ls` lists what there is.',
  },
  ResourceNotReadyException: {
    status: 502,
    fault: 'service',
    meaning: 'The function is not in a state in which it can be invoked.',
    cure: "Wait with the SDK's functionActiveV2 waiter and try again.",
  },
  SerializationException: {
    status: 400,
    fault: 'caller',
    meaning: 'The body of the request is not the JSON that the operation takes, or a member has the wrong type.',
    cure: "Read the message: it names the place. AWS's SDKs and CLI never send such a body.",
  },
  ServiceException: {
    status: 500,
    fault: 'service',
    meaning: 'Hearth itself failed.',
    cure: "The cause is in the server's log, under the request id of the answer.",
  },
  ServiceUnavailableException: {
    status: 503,
    fault: 'service',
    meaning: 'The server is starting or stopping.',
    cure: 'Try again; GET /_hearth/health answers 200 once the server is ready.',
  },
  TooManyRequestsException: {
    status: 429,
    fault: 'caller',
    meaning:
      'As many invocations run as may: of the function with its reserved concurrency, of the account in this region, or ' +
      'with the memory that Hearth has; or too many long requests are on their way at once. `Reason` says which.',
    cure:
      'Try again later, as the SDKs do by themselves; or raise the reserved concurrency, the setting `concurrency` or ' +
      '`maxMemoryMb`.',
  },
  UnknownOperationException: {
    status: 404,
    fault: 'caller',
    meaning: "The method and path belong to no operation of Lambda's API.",
    cure: "Check the endpoint URL: it is the server's address with no path. Only Lambda's API is served.",
  },
  UnrecognizedClientException: {
    status: 403,
    fault: 'caller',
    meaning: 'There is no such access key, it has been deactivated, or the session token is not its own.',
    cure: "Check AWS_ACCESS_KEY_ID, and unset AWS_SESSION_TOKEN if the key is an account's own; the operator sees keys with `hearth account list`.",
  },
  ValidationException: {
    status: 400,
    fault: 'caller',
    meaning: "One or more parameters break a constraint of AWS's model (pattern, length, range, enumeration).",
    cure: 'The message names each parameter and its constraint.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS | ServiceErrorCode;

const byService: Readonly<Record<string, Readonly<Record<string, ErrorEntry>>>> = SERVICE_ERRORS;
const general: Readonly<Record<string, ErrorEntry>> = ERRORS;

/** @param service whose own status and meaning count before the general ones; Lambda's where there is none. */
export function errorEntry(code: ErrorCode, service = 'lambda'): ErrorEntry {
  const found = byService[service]?.[code] ?? general[code];
  // A service that answers another's error: it says by itself how it is meant.
  return found ?? Object.values(byService).find((table) => code in table)![code]!;
}

/**
 * Why a request was throttled; AWS's words, those of them that Hearth has cause to say.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, TooManyRequestsException.
 */
export type ThrottleReason =
  | 'CallerRateLimitExceeded'
  | 'ConcurrentInvocationLimitExceeded'
  | 'ReservedFunctionConcurrentInvocationLimitExceeded';

export interface ApiErrorOptions {
  /** What TooManyRequestsException says as its `Reason`. */
  readonly reason?: ThrottleReason;
  /** Seconds for the `Retry-After` header. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** An error that the API answers to its caller as it stands. Thrown by every room behind the API. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly reason: ThrottleReason | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = options.reason;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}
