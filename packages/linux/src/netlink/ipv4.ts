import { isIPv4 } from 'node:net';

/** An IPv4 network. */
export interface Ipv4Network {
  /** Dotted; bits below the prefix are ignored. */
  readonly address: string;
  /** 0 to 32. */
  readonly prefix: number;
}

/** @returns the four bytes of a dotted address. @throws {RangeError} */
export function parseIpv4(text: string): Buffer {
  if (!isIPv4(text)) throw new RangeError(`not an IPv4 address: ${JSON.stringify(text)}. Hint: such as 10.0.0.1`);
  return Buffer.from(text.split('.').map(Number));
}

/** @throws {RangeError} */
export function checkPrefix(prefix: number): void {
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > 32) {
    throw new RangeError(`not the prefix of an IPv4 network: ${prefix}. Hint: 0 to 32`);
  }
}

/** @returns the mask of a prefix, four bytes. @throws {RangeError} */
export function prefixMask(prefix: number): Buffer {
  checkPrefix(prefix);
  const mask = Buffer.alloc(4);
  // Shifts count modulo 32, so that 0 is no shift by 32.
  if (prefix > 0) mask.writeInt32BE(-1 << (32 - prefix), 0);
  return mask;
}

/** @returns the network's address, its bits below the prefix 0. @throws {RangeError} */
export function networkAddress({ address, prefix }: Ipv4Network): Buffer {
  const mask = prefixMask(prefix);
  return parseIpv4(address).map((byte, i) => byte & (mask[i] as number)) as Buffer;
}
