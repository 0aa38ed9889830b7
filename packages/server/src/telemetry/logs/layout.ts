import { createHash } from 'node:crypto';
import type { LogOwner } from '../../logs/ports.ts';

/** Longest name that common file systems take, with some room (NAME_MAX is 255). */
const LONGEST_NAME = 200;

/** The directory of an owner's log groups, relative to the store's. @throws TypeError for what no valid request has. */
export function ownerDirectory({ account, region }: LogOwner): string {
  if (!/^\d{12}$/.test(account)) throw new TypeError(`an account is 12 digits, not ${JSON.stringify(account)}`);
  if (!/^[a-z][a-z0-9-]{1,40}$/.test(region)) throw new TypeError(`not a region: ${JSON.stringify(region)}`);
  return `${account}/${region}`;
}

/**
 * The directory of a log group, relative to the store's: `ACCOUNT/REGION/GROUP`, with the group's name percent-encoded,
 * so that no name can lead out of its owner's directory, or its SHA-256 where that is too long for a file system.
 *
 * @throws TypeError for an owner or a name that can't come from a valid request.
 */
export function groupDirectory(owner: LogOwner, group: string): string {
  if (group === '') throw new TypeError('a log group needs a name');
  const encoded = `g-${encodeURIComponent(group.toWellFormed())}`;
  const name = encoded.length <= LONGEST_NAME ? encoded : `h-${createHash('sha256').update(group).digest('hex')}`;
  return `${ownerDirectory(owner)}/${name}`;
}

/** The group that a directory is of; undefined for a hash, which only the segments' first line tells. */
export function groupOf(directory: string): { owner: LogOwner; name: string | undefined } | undefined {
  const match = /^(\d{12})\/([a-z][a-z0-9-]+)\/([gh])-(.+)$/.exec(directory);
  if (match === null) return undefined;
  const [, account = '', region = '', form, name = ''] = match;
  return { owner: { account, region }, name: form === 'g' ? decodeURIComponent(name) : undefined };
}

/** The first line of a segment, for people and for finding groups whose directory is a hash. Readers of blocks skip it. */
export function segmentHeader(group: string): Buffer {
  return Buffer.from(`${JSON.stringify({ hearthLog: 1, group })}\n`);
}

/** The group's name in a segment's first line. */
export function headerGroup(line: string): string | undefined {
  try {
    const { group } = JSON.parse(line) as { group?: unknown };
    return typeof group === 'string' ? group : undefined;
  } catch {
    // Damaged: such a segment belongs to no group that anyone could name.
    return undefined;
  }
}
