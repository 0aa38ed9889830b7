import { ApiError } from '@hearth/protocol';
import { LIMITS } from './limits.ts';
import { checkPolicies } from './updates/policy.ts';

export type Tags = Readonly<Record<string, string>>;

/**
 * `tags` with `more` added.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
 *
 * @throws ApiError InvalidParameterValueException for reserved keys and for more than 50 tags.
 */
export function addTags(tags: Tags, more: Tags): Tags {
  if (Object.keys(more).some((key) => key.startsWith('aws:'))) {
    throw new ApiError(
      'InvalidParameterValueException',
      'The aws: prefix is reserved for AWS use. Choose another tag key.',
    );
  }
  checkPolicies(more);
  const sum = { ...tags, ...more };
  if (Object.keys(sum).length > LIMITS.tags) {
    throw new ApiError('InvalidParameterValueException', 'Number of tags exceeds resource tag limit.');
  }
  return sum;
}

/** `tags` without some keys. Keys that aren't there are no error. */
export function removeTags(tags: Tags, keys: readonly string[]): Tags {
  const gone = new Set(keys);
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key)));
}
