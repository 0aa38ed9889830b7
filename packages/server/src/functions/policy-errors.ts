/** What is refused in the same words of a function's policy and of a layer version's. */
import { ApiError } from '@hearth/protocol';
import { LIMITS } from './limits.ts';

export function statementExists(sid: string): ApiError {
  return new ApiError(
    'ResourceConflictException',
    `The statement id (${sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
  );
}

export function statementMissing(sid: string): ApiError {
  return new ApiError('ResourceNotFoundException', `Statement ${sid} is not found in resource policy.`);
}

/** @throws ApiError PolicyLengthExceededException for a document of more than 20 KB. */
export function checkPolicySize(document: string): void {
  const size = Buffer.byteLength(document);
  if (size <= LIMITS.policy) return;
  throw new ApiError(
    'PolicyLengthExceededException',
    `The final policy size (${size}) is bigger than the limit (${LIMITS.policy}).`,
  );
}
