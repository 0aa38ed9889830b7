/**
 * How netlink lays out bytes. Everything is in the host's byte order, except where a subsystem says otherwise:
 * nf_tables has its numbers in network order.
 *
 * Source: netlink(7), Linux's `include/uapi/linux/netlink.h`.
 */
import { endianness } from 'node:os';

const LITTLE_ENDIAN = endianness() === 'LE';

/** `struct nlmsghdr`. */
export const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
/** The two high bits of an attribute's type are flags. */
const ATTRIBUTE_TYPE_MASK = 0x3fff;
const NLA_F_NESTED = 0x8000;
const ALIGNMENT_PADDING = [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(2), Buffer.alloc(1)];

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

export function writeU16(target: Buffer, value: number, offset: number): void {
  if (LITTLE_ENDIAN) target.writeUInt16LE(value, offset);
  else target.writeUInt16BE(value, offset);
}

export function writeU32(target: Buffer, value: number, offset: number): void {
  if (LITTLE_ENDIAN) target.writeUInt32LE(value, offset);
  else target.writeUInt32BE(value, offset);
}

export function readU16(source: Buffer, offset: number): number {
  return LITTLE_ENDIAN ? source.readUInt16LE(offset) : source.readUInt16BE(offset);
}

export function readU32(source: Buffer, offset: number): number {
  return LITTLE_ENDIAN ? source.readUInt32LE(offset) : source.readUInt32BE(offset);
}

export function readI32(source: Buffer, offset: number): number {
  return LITTLE_ENDIAN ? source.readInt32LE(offset) : source.readInt32BE(offset);
}

/** A number in the host's byte order. */
export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  writeU32(bytes, value, 0);
  return bytes;
}

/** A number in network byte order. */
export function be32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value | 0, 0);
  return bytes;
}

/** A string with its terminating zero. */
export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

function align(length: number): number {
  return (length + 3) & ~3;
}

/** One attribute, padded to four bytes. */
export function attribute(type: number, value: Buffer): Buffer {
  const header = Buffer.allocUnsafe(ATTRIBUTE_HEADER_BYTES);
  const length = ATTRIBUTE_HEADER_BYTES + value.length;
  writeU16(header, length, 0);
  writeU16(header, type, 2);
  return Buffer.concat([header, value, ALIGNMENT_PADDING[length & 3] as Buffer]);
}

/** An attribute that holds attributes. */
export function nested(type: number, ...attributes: Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(attributes));
}

/** A whole message. The port id stays 0: the kernel knows whose socket it came from. */
export function encodeMessage(type: number, flags: number, sequence: number, payload: Buffer): Buffer {
  const length = HEADER_BYTES + payload.length;
  const message = Buffer.alloc(align(length));
  writeU32(message, length, 0);
  writeU16(message, type, 4);
  writeU16(message, flags, 6);
  writeU32(message, sequence, 8);
  payload.copy(message, HEADER_BYTES);
  return message;
}

export interface Message {
  type: number;
  flags: number;
  sequence: number;
  /** A view of the bytes given to {@link decodeMessages}. */
  payload: Buffer;
}

/** The messages in one datagram. What is cut short is left out. */
export function* decodeMessages(datagram: Buffer): Generator<Message> {
  let offset = 0;
  while (datagram.length - offset >= HEADER_BYTES) {
    const length = readU32(datagram, offset);
    if (length < HEADER_BYTES || offset + length > datagram.length) return;
    yield {
      type: readU16(datagram, offset + 4),
      flags: readU16(datagram, offset + 6),
      sequence: readU32(datagram, offset + 8),
      payload: datagram.subarray(offset + HEADER_BYTES, offset + length),
    };
    offset += align(length);
  }
}

/** Attributes by type, flags removed; of a repeated one the last. Values are views. What is cut short is left out. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  let offset = 0;
  while (bytes.length - offset >= ATTRIBUTE_HEADER_BYTES) {
    const length = readU16(bytes, offset);
    if (length < ATTRIBUTE_HEADER_BYTES || offset + length > bytes.length) break;
    const type = readU16(bytes, offset + 2) & ATTRIBUTE_TYPE_MASK;
    attributes.set(type, bytes.subarray(offset + ATTRIBUTE_HEADER_BYTES, offset + length));
    offset += align(length);
  }
  return attributes;
}
