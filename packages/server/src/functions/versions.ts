import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { FunctionConfiguration, PublishVersionRequest } from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { Caller } from './caller.ts';
import { configuration, listedConfiguration } from './configuration.ts';
import type { Entry, VersionEntry } from './function-index.ts';
import { withScaling } from './function-scaling.ts';
import { versionName } from './function-record.ts';
import type { FunctionRecord, RunnableRecord, VersionRecord } from './function-record.ts';
import { pageOf } from './paging.ts';
import type { Page, PageRequest } from './paging.ts';
import { currentConfiguration } from './phases.ts';
import type { RuntimeShelf } from './ports.ts';
import { pointsTo } from './aliases.ts';
import { policyOf, withPolicy } from './policy-document.ts';
import { provisionedOf, withProvisioned } from './provisioned-record.ts';
import { checkRevision } from './registry.ts';
import type { Registry } from './registry.ts';
import { refuseUnsupported } from './unsupported.ts';
import type { Updates } from './updates/updates.ts';

export interface VersionsOptions {
  readonly registry: Registry;
  readonly runtimes: RuntimeShelf;
  readonly updates: Updates;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Published versions of functions: snapshots of code and configuration that never change.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
 */
export class Versions {
  readonly #registry: Registry;
  readonly #runtimes: RuntimeShelf;
  readonly #updates: Updates;
  readonly #now: () => number;

  constructor({ registry, runtimes, updates, now }: VersionsOptions) {
    this.#registry = registry;
    this.#runtimes = runtimes;
    this.#updates = updates;
    this.#now = now;
  }

  /** Publishes `$LATEST`, unless it is what was published last: then that version is the answer. */
  async publish(caller: Caller, request: PublishVersionRequest): Promise<FunctionConfiguration> {
    refuseUnsupported({ PublishTo: request.PublishTo });
    const entry = this.#registry.findLatest(caller, request.FunctionName ?? '', 'PublishVersion');
    this.#updates.checkNone(entry.record);
    return this.#registry.exclusively(entry.record, async () => {
      checkRevision(request.RevisionId, entry.record.revisionId);
      checkHash(request.CodeSha256, entry.record);
      const unchanged = publishedAs(entry.record, entry);
      if (unchanged !== undefined) return this.show(unchanged.record);
      this.#registry.checkStorage(entry.record, entry.record.code.size);
      const next = this.next(entry.record, request.Description);
      await this.#registry.save(next.record, { version: next.version });
      return configuration(next.version, 'creating', versionName(next.version));
    });
  }

  /** A function's record once its code and settings are published, and the version that has them. */
  next(record: FunctionRecord, description = ''): { record: FunctionRecord; version: VersionRecord } {
    const { account, region, name, settings, architecture, code, uid } = record;
    const number = (record.lastVersion ?? 0) + 1;
    const version = {
      account,
      region,
      name,
      settings,
      architecture,
      code,
      uid,
      version: number,
      description: description === '' ? settings.description : description,
      revisionId: randomUUID(),
      lastModified: this.#now(),
    };
    return { record: { ...record, lastVersion: number }, version };
  }

  /** A version as it is now. */
  show(record: VersionRecord): FunctionConfiguration {
    return currentConfiguration(record, versionName(record), this.#runtimes);
  }

  /** `$LATEST`, then the versions from the oldest on. */
  list(caller: Caller, name: string, request: PageRequest): Page<FunctionConfiguration> {
    const entry = this.#registry.findLatest(caller, name, 'ListVersionsByFunction');
    const page = pageOf(request, (after) => runnablesAfter(entry, after), versionName);
    return { ...page, items: page.items.map((record) => listedConfiguration(record, versionName(record))) };
  }

  /** Deletes a version that no alias points to. */
  async delete({ record }: Entry, version: VersionEntry): Promise<void> {
    await this.#registry.exclusively(record, async () => {
      const name = versionName(version.record);
      const pointing = (record.aliases ?? []).filter((alias) => pointsTo(alias, name));
      if (pointing.length > 0) {
        throw new ApiError(
          'ResourceConflictException',
          'Unable to delete version because the following aliases reference it: ' +
            `[${pointing.map((alias) => alias.name).join(', ')}]`,
        );
      }
      await this.#registry.deleteVersion(version);
      const scaled = record.scaling?.some((one) => one.version === version.record.version) ?? false;
      if (policyOf(record, name) === undefined && provisionedOf(record, name) === undefined && !scaled) return;
      const rest = withScaling(record, version.record.version);
      await this.#registry.save(withProvisioned(withPolicy(rest, name, []), name));
    });
  }
}

/** The version that was published last, where it is what `record` says and still there. */
export function publishedAs(record: FunctionRecord, entry: Entry | undefined): VersionEntry | undefined {
  const last = entry?.versions.get(record.lastVersion ?? 0);
  return last !== undefined && isDeepStrictEqual(contentOf(last.record), contentOf(record)) ? last : undefined;
}

function contentOf({ settings, architecture, code }: RunnableRecord): unknown {
  return { settings, architecture, code };
}

/** Of a function, what comes after one version in a list: `$LATEST` first, then the versions by number. */
export function* runnablesAfter(
  { record, versions }: Entry,
  after: string | undefined,
): Iterable<FunctionRecord | VersionRecord> {
  if (after === undefined) yield record;
  const last = after === undefined || after === '$LATEST' ? 0 : Number(after);
  for (const version of versions.values()) if (version.record.version > last) yield version.record;
}

function checkHash(asked: string | undefined, { code }: RunnableRecord): void {
  const current = Buffer.from(code.sha256, 'hex').toString('base64');
  if (asked === undefined || asked === '' || asked === current) return;
  throw new ApiError(
    'InvalidParameterValueException',
    `CodeSHA256 (${asked}) is different from current CodeSHA256 in $LATEST (${current}). Please try again with the ` +
      'CodeSHA256 in $LATEST.',
  );
}
