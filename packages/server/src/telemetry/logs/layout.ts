import { createHash } from 'node:crypto';

/** Longest name that common file systems take, with some room (NAME_MAX is 255). */
const LONGEST_NAME = 200;

/**
 * The directory of a log group, relative to the store's: `ACCOUNT/GROUP`, with the group's name percent-encoded, so
 * that no name can lead out of its account's directory, or its SHA-256 where that is too long for a file system.
 *
 * @throws TypeError where the account is not 12 digits or the name is empty: neither can come from a valid request.
 */
export function groupDirectory(account: string, group: string): string {
  if (!/^\d{12}$/.test(account)) throw new TypeError(`an account is 12 digits, not ${JSON.stringify(account)}`);
  if (group === '') throw new TypeError('a log group needs a name');
  const encoded = `g-${encodeURIComponent(group.toWellFormed())}`;
  const name = encoded.length <= LONGEST_NAME ? encoded : `h-${createHash('sha256').update(group).digest('hex')}`;
  return `${account}/${name}`;
}

/** The first line of a segment, for people and for finding groups whose directory is a hash. Readers of blocks skip it. */
export function segmentHeader(group: string): Buffer {
  return Buffer.from(`${JSON.stringify({ hearthLog: 1, group })}\n`);
}
