import type { AnyHandler } from '../../service.ts';
import { createLogGroup } from './create-log-group.ts';
import { createLogStream } from './create-log-stream.ts';
import { deleteLogGroup } from './delete-log-group.ts';
import { deleteLogStream } from './delete-log-stream.ts';
import { deleteRetentionPolicy } from './delete-retention-policy.ts';
import { describeLogGroups } from './describe-log-groups.ts';
import { describeLogStreams } from './describe-log-streams.ts';
import { filterLogEvents } from './filter-log-events.ts';
import { getLogEvents } from './get-log-events.ts';
import { listTagsForResource } from './list-tags-for-resource.ts';
import { listTagsLogGroup } from './list-tags-log-group.ts';
import { putLogEvents } from './put-log-events.ts';
import { putRetentionPolicy } from './put-retention-policy.ts';
import { tagLogGroup } from './tag-log-group.ts';
import { tagResource } from './tag-resource.ts';
import { untagLogGroup } from './untag-log-group.ts';
import { untagResource } from './untag-resource.ts';
import type { Context } from './operation.ts';

/** The operations that are built, by name; any other is answered 501. */
export const HANDLERS: ReadonlyMap<string, AnyHandler<Context>> = new Map<string, AnyHandler<Context>>([
  ['CreateLogGroup', createLogGroup],
  ['CreateLogStream', createLogStream],
  ['DeleteLogGroup', deleteLogGroup],
  ['DeleteLogStream', deleteLogStream],
  ['DeleteRetentionPolicy', deleteRetentionPolicy],
  ['DescribeLogGroups', describeLogGroups],
  ['DescribeLogStreams', describeLogStreams],
  ['FilterLogEvents', filterLogEvents],
  ['GetLogEvents', getLogEvents],
  ['ListTagsForResource', listTagsForResource],
  ['ListTagsLogGroup', listTagsLogGroup],
  ['PutLogEvents', putLogEvents],
  ['PutRetentionPolicy', putRetentionPolicy],
  ['TagLogGroup', tagLogGroup],
  ['TagResource', tagResource],
  ['UntagLogGroup', untagLogGroup],
  ['UntagResource', untagResource],
]);
