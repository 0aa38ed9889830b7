import { checkPrefix, parseIpv4 } from './ipv4.ts';
import { linkNamesByIndex } from './link.ts';
import {
  attribute,
  decodeAttributes,
  NLM_F_CREATE,
  NLM_F_EXCL,
  readI32,
  readU16,
  readU32,
  writeU32,
} from './message.ts';
import type { NetlinkSocket } from './socket.ts';

const AF_INET = 2;

const RTM_NEWADDR = 20;
/** `struct ifaddrmsg`. */
const IFADDR_BYTES = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
/** `struct rtmsg`. */
const RTMSG_BYTES = 12;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RTN_UNICAST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_MULTIPATH = 9;
/** `struct rtnexthop`: u16 length, u8 flags, u8 hops, i32 index of the link; attributes follow. */
const NEXT_HOP_BYTES = 8;

/**
 * Gives a link an IPv4 address; the network of its prefix becomes reachable over it.
 *
 * @param link its index.
 * @throws {NetlinkError} EEXIST where it has the address, ENODEV where there is no such link.
 */
export function addAddress(socket: NetlinkSocket<'route'>, link: number, address: string, prefix: number): void {
  checkPrefix(prefix);
  const bytes = parseIpv4(address);
  const message = Buffer.alloc(IFADDR_BYTES);
  message.writeUInt8(AF_INET, 0);
  message.writeUInt8(prefix, 1);
  writeU32(message, link, 4);
  socket.request(`add address ${address}/${prefix} to link ${link}`, {
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([message, attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)]),
  });
}

/**
 * Sends what no other route covers to a gateway, which must be on the network of a link that is up.
 *
 * @throws {NetlinkError} ENETUNREACH where the gateway is on no link's network, EEXIST where there is a default route.
 */
export function addDefaultRoute(socket: NetlinkSocket<'route'>, gateway: string): void {
  const message = Buffer.alloc(RTMSG_BYTES);
  message.set([AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_UNICAST]);
  socket.request(`add default route via ${gateway}`, {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([message, attribute(RTA_GATEWAY, parseIpv4(gateway))]),
  });
}

/** The names of the links that IPv4 default routes of the main table lead to: those that answers come in on. */
export function defaultRouteLinks(socket: NetlinkSocket<'route'>): string[] {
  const request = Buffer.alloc(RTMSG_BYTES);
  request.writeUInt8(AF_INET, 0);
  const indices = new Set<number>();
  for (const { payload } of socket.dump('list routes', { type: RTM_GETROUTE, payload: request })) {
    const [, destinationBits, , , table, , , type] = payload;
    if (destinationBits !== 0 || table !== RT_TABLE_MAIN || type !== RTN_UNICAST) continue;
    const attributes = decodeAttributes(payload.subarray(RTMSG_BYTES));
    const link = attributes.get(RTA_OIF);
    if (link !== undefined) indices.add(readU32(link, 0));
    for (const index of nextHopLinks(attributes.get(RTA_MULTIPATH))) indices.add(index);
  }
  const names = linkNamesByIndex(socket);
  return [...indices].map((index) => names.get(index)).filter((name) => name !== undefined);
}

function* nextHopLinks(hops: Buffer | undefined): Generator<number> {
  let rest = hops ?? Buffer.alloc(0);
  while (rest.length >= NEXT_HOP_BYTES) {
    const length = readU16(rest, 0);
    if (length < NEXT_HOP_BYTES) return;
    yield readI32(rest, 4);
    rest = rest.subarray((length + 3) & ~3);
  }
}
