import type { FunctionConfiguration } from '@aws-sdk/client-lambda';
import { listedConfiguration } from './configuration.ts';
import type { Entry } from './function-index.ts';
import { versionName } from './function-record.ts';
import type { FunctionRecord, VersionRecord } from './function-record.ts';
import { pageOf } from './paging.ts';
import type { Page, PageRequest } from './paging.ts';
import { runnablesAfter } from './versions.ts';

/**
 * A page of functions by name.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html
 *
 * @param from functions in order, from a name on.
 * @param request.versions whether each is followed by its versions; their ARNs are then qualified.
 */
export function listFunctions(
  from: (first: string) => Iterable<Entry>,
  request: PageRequest & { versions: boolean },
): Page<FunctionConfiguration> {
  const { versions } = request;
  const page = pageOf(request, (after) => recordsAfter(from, after, versions), keyOf);
  const items = page.items.map((record) => listedConfiguration(record, versions ? versionName(record) : undefined));
  return { ...page, items };
}

function* recordsAfter(
  from: (first: string) => Iterable<Entry>,
  after: string | undefined,
  versions: boolean,
): Iterable<FunctionRecord | VersionRecord> {
  const [name = '', version] = after?.split(':') ?? [];
  for (const entry of from(name)) {
    const begun = entry.record.name === name ? version : undefined;
    if (versions) yield* runnablesAfter(entry, begun);
    else if (begun === undefined) yield entry.record;
  }
}

function keyOf(record: FunctionRecord | VersionRecord): string {
  return `${record.name}:${versionName(record)}`;
}
