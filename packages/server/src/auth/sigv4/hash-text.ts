import { hash } from 'node:crypto';

/** Most canonical requests fit; longer ones get a buffer of their own. */
const scratch = Buffer.alloc(8192);

/** The hex SHA-256 of text whose characters are bytes (latin1), as node:http gives it. */
export function hashText(text: string): string {
  if (text.length > scratch.length) return hash('sha256', Buffer.from(text, 'latin1'));
  return hash('sha256', scratch.subarray(0, scratch.write(text, 'latin1')));
}
