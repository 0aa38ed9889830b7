import type { ErrorEntry } from './errors.ts';

/**
 * Errors that only one of the services beside Lambda answers, or answers with another status than Lambda, by the
 * service's name. Names and statuses are those of AWS's models (held against them by a test).
 */
export const SERVICE_ERRORS = {
  logs: {
    AccessDeniedException: {
      status: 400,
      fault: 'caller',
      meaning: 'The request is refused: it names another account, comes from a web page, or lacks rights.',
      cure: 'Use credentials of the account that owns the log group.',
    },
    InvalidParameterException: {
      status: 400,
      fault: 'caller',
      meaning: "A parameter breaks a constraint of AWS's model, or its value can't be used.",
      cure: 'Read the message: it names the parameter and what is allowed.',
    },
    LimitExceededException: {
      status: 400,
      fault: 'caller',
      meaning: 'There are 10,000 log groups of the account in this region, or 50,000 log streams in the group.',
      cure: 'Delete log groups that are no longer needed; streams go with the oldest events.',
    },
    ResourceAlreadyExistsException: {
      status: 400,
      fault: 'caller',
      meaning: 'There is such a log group or log stream already.',
      cure: 'Use it, or choose another name. The group of a function appears with the first line that it logs.',
    },
    ResourceNotFoundException: {
      status: 400,
      fault: 'caller',
      meaning: 'There is no such log group or log stream for this account in this region.',
      cure: 'A group appears with the first line that its function logs. Check the name, the region and the account.',
    },
    ServiceUnavailableException: {
      status: 500,
      fault: 'service',
      meaning: 'What was to be logged cannot be kept: memory or disk has no room for it.',
      cure: 'See that the disk under the data directory has room, and try again.',
    },
    TooManyTagsException: {
      status: 400,
      fault: 'caller',
      meaning: 'The log group would have more than 50 tags.',
      cure: 'Remove some with UntagResource.',
    },
    UnknownOperationException: {
      status: 400,
      fault: 'caller',
      meaning: "The header X-Amz-Target names no operation of CloudWatch Logs' API.",
      cure: 'Check the name of the operation and the version of the client.',
    },
  },
  sts: {
    UnknownOperationException: {
      status: 400,
      fault: 'caller',
      meaning: "Action or Version name no operation of STS's API.",
      cure: 'Check the name of the action; the version is 2011-06-15.',
    },
  },
} as const satisfies Record<string, Record<string, ErrorEntry>>;

type Services = typeof SERVICE_ERRORS;

export type ServiceErrorCode = { [Service in keyof Services]: keyof Services[Service] }[keyof Services];
