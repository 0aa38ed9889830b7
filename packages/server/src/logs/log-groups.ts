import { ApiError } from '@hearth/protocol';
import type { GroupRecord, LogArchive, LogOwner } from './ports.ts';
import { readToken, writeToken } from './tokens.ts';

/** Groups of one account in one region; AWS has a million. Functions' own groups are not counted out. */
const MAX_GROUPS = 10_000;
/** Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html */
const MAX_TAGS = 50;
/** Days that PutRetentionPolicy takes: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];
/** Groups and streams that one page lists. */
export const PAGE = 50;

type Tags = Readonly<Record<string, string>>;

/** Which groups to list. */
export interface GroupSelection {
  readonly prefix?: string | undefined;
  /** A part of the name. */
  readonly part?: string | undefined;
  readonly names?: readonly string[] | undefined;
  readonly token?: string | undefined;
  readonly limit?: number | undefined;
}

/** The log groups of all accounts. */
export class LogGroups {
  readonly #archive: LogArchive;
  readonly #now: () => number;

  /** @param now milliseconds since the epoch. */
  constructor(archive: LogArchive, now: () => number) {
    this.#archive = archive;
    this.#now = now;
  }

  /** @throws ApiError ResourceNotFoundException */
  async get(owner: LogOwner, name: string): Promise<GroupRecord> {
    const group = await this.#archive.group(owner, name);
    if (group === undefined) {
      throw new ApiError('ResourceNotFoundException', 'The specified log group does not exist.');
    }
    return group;
  }

  /** @throws ApiError ResourceAlreadyExistsException, LimitExceededException, InvalidParameterException */
  async create(owner: LogOwner, name: string, tags: Tags = {}): Promise<void> {
    if ((await this.#archive.group(owner, name)) !== undefined) {
      throw new ApiError('ResourceAlreadyExistsException', 'The specified log group already exists');
    }
    if (/^aws\//i.test(name)) {
      throw new ApiError('InvalidParameterException', 'Log groups starting with AWS/ are reserved for AWS.');
    }
    checkTags(tags);
    if ((await this.#archive.groups(owner)).length >= MAX_GROUPS) {
      throw new ApiError('LimitExceededException', `Resource limit exceeded: there are ${MAX_GROUPS} log groups.`);
    }
    await this.#archive.putGroup(owner, { name, created: this.#now(), tags });
  }

  async delete(owner: LogOwner, name: string): Promise<void> {
    await this.get(owner, name);
    await this.#archive.deleteGroup(owner, name);
  }

  /** In the order of their names. */
  async list(
    owner: LogOwner,
    selection: GroupSelection,
  ): Promise<{ groups: GroupRecord[]; token: string | undefined }> {
    const { prefix = '', part = '', names, token, limit = PAGE } = selection;
    const after = token === undefined ? '' : (readToken(token, ['string'])[0] as string);
    const found = (await this.#archive.groups(owner))
      .filter(
        ({ name }) =>
          name > after &&
          name.startsWith(prefix) &&
          name.includes(part) &&
          (names === undefined || names.includes(name)),
      )
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const groups = found.slice(0, limit);
    return { groups, token: found.length > limit ? writeToken([groups.at(-1)!.name]) : undefined };
  }

  /** About how many bytes a group takes. */
  storedBytes(owner: LogOwner, name: string): number {
    return this.#archive.storedBytes(owner, name);
  }

  /** @param days undefined to keep events as long as there is room. */
  async retain(owner: LogOwner, name: string, days: number | undefined): Promise<void> {
    if (days !== undefined && !RETENTIONS.includes(days)) {
      throw new ApiError('InvalidParameterException', `retentionInDays must be one of ${RETENTIONS.join(', ')}.`);
    }
    const { retentionDays: _, ...group } = await this.get(owner, name);
    await this.#archive.putGroup(owner, days === undefined ? group : { ...group, retentionDays: days });
  }

  /** @throws ApiError TooManyTagsException */
  async tag(owner: LogOwner, name: string, more: Tags): Promise<void> {
    const group = await this.get(owner, name);
    const tags = { ...group.tags, ...more };
    checkTags(tags);
    await this.#archive.putGroup(owner, { ...group, tags });
  }

  /** Keys that aren't there are no error. */
  async untag(owner: LogOwner, name: string, keys: readonly string[]): Promise<void> {
    const group = await this.get(owner, name);
    const tags = Object.fromEntries(Object.entries(group.tags).filter(([key]) => !keys.includes(key)));
    await this.#archive.putGroup(owner, { ...group, tags });
  }
}

function checkTags(tags: Tags): void {
  if (Object.keys(tags).some((key) => key.startsWith('aws:'))) {
    throw new ApiError('InvalidParameterException', 'The prefix aws: of tag keys is reserved for AWS.');
  }
  if (Object.keys(tags).length > MAX_TAGS) {
    throw new ApiError('TooManyTagsException', `A log group has at most ${MAX_TAGS} tags.`);
  }
}
