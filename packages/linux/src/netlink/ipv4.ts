import { isIPv4 } from 'node:net';

/** An IPv4 network or an address with its prefix. */
export interface Cidr {
  /** Four bytes, as written: bits below the prefix may be set. */
  address: Buffer;
  /** 0 to 32. */
  prefix: number;
}

/** @returns the four bytes of a dotted address. @throws {RangeError} */
export function parseIpv4(text: string): Buffer {
  if (!isIPv4(text)) throw new RangeError(`not an IPv4 address: ${JSON.stringify(text)}. Hint: such as 10.0.0.1`);
  return Buffer.from(text.split('.').map(Number));
}

/** Reads `10.0.0.0/8`. @throws {RangeError} */
export function parseCidr(text: string): Cidr {
  const [address = '', prefix = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,2}$/.test(prefix) || Number(prefix) > 32) {
    throw new RangeError(`not an IPv4 network: ${JSON.stringify(text)}. Hint: such as 10.0.0.0/8`);
  }
  return { address: parseIpv4(address), prefix: Number(prefix) };
}

/** @returns the mask of a prefix, four bytes. */
export function prefixMask(prefix: number): Buffer {
  const mask = Buffer.alloc(4);
  if (prefix > 0) mask.writeInt32BE((-1 << (32 - prefix)) | 0, 0);
  return mask;
}

/** The bits of an address that its prefix covers. */
export function networkAddress({ address, prefix }: Cidr): Buffer {
  const mask = prefixMask(prefix);
  return Buffer.from(address.map((byte, i) => byte & (mask[i] as number)));
}
