/**
 * Network interfaces, which rtnetlink calls links.
 *
 * Source: rtnetlink(7), Linux's `include/uapi/linux/if_link.h`.
 */
import { NetlinkError } from './error.ts';
import {
  attribute,
  cString,
  decodeAttributes,
  nested,
  NLM_F_CREATE,
  NLM_F_EXCL,
  readI32,
  u32,
  writeU32,
} from './message.ts';
import type { NetlinkSocket } from './socket.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;

/** `struct ifinfomsg`. */
const IFINFO_BYTES = 16;
const IFF_UP = 1;

const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_PID = 19;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFLA_MACVLAN_MODE = 1;
const MACVLAN_MODE_PRIVATE = 1;

/** Bytes of an interface's name without its terminating zero. */
const MAX_NAME_BYTES = 15;

/** A network namespace: an open descriptor, or that of a process. */
export type NetnsTarget = { fd: number } | { pid: number };

/** @throws {RangeError} for what the kernel would not take as the name of an interface, see `dev_valid_name`. */
export function checkLinkName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0 || bytes > MAX_NAME_BYTES || name === '.' || name === '..' || /[\s/:\0]/.test(name)) {
    throw new RangeError(`not an interface name: ${JSON.stringify(name)}. Hint: 1 to 15 bytes, no space, / or :`);
  }
}

function linkInfo(index = 0, flags = 0, changed = 0): Buffer {
  const info = Buffer.alloc(IFINFO_BYTES);
  writeU32(info, index, 4);
  writeU32(info, flags, 8);
  writeU32(info, changed, 12);
  return info;
}

function nameAttribute(name: string): Buffer {
  checkLinkName(name);
  return attribute(IFLA_IFNAME, cString(name));
}

function netnsAttribute(target: NetnsTarget): Buffer {
  return 'fd' in target ? attribute(IFLA_NET_NS_FD, u32(target.fd)) : attribute(IFLA_NET_NS_PID, u32(target.pid));
}

function kind(name: string, ...data: Buffer[]): Buffer {
  return nested(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, cString(name)), nested(IFLA_INFO_DATA, ...data));
}

/**
 * Makes a pair of joined interfaces, veth(4): `name` in the socket's network namespace, `peer` in another. Both are
 * down.
 *
 * @throws {NetlinkError} EEXIST where either name is taken.
 */
export function createVeth(socket: NetlinkSocket<'route'>, name: string, peer: string, netns: NetnsTarget): void {
  const other = Buffer.concat([linkInfo(), nameAttribute(peer), netnsAttribute(netns)]);
  socket.request(`create veth ${name} with peer ${peer}`, {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([linkInfo(), nameAttribute(name), kind('veth', attribute(VETH_INFO_PEER, other))]),
  });
}

/**
 * Makes a macvlan interface over a link of the socket's network namespace, directly in another one, down. Its mode is
 * private: it reaches what is beyond its parent, but neither the other interfaces over that parent nor the parent's
 * own addresses.
 *
 * @param parent index of the link below. It must be up before this one can be.
 * @throws {NetlinkError} EEXIST where the name is taken there.
 */
export function createMacvlan(socket: NetlinkSocket<'route'>, name: string, parent: number, netns: NetnsTarget): void {
  socket.request(`create macvlan ${name} over link ${parent}`, {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      linkInfo(),
      nameAttribute(name),
      attribute(IFLA_LINK, u32(parent)),
      netnsAttribute(netns),
      kind('macvlan', attribute(IFLA_MACVLAN_MODE, u32(MACVLAN_MODE_PRIVATE))),
    ]),
  });
}

/** Removes a link, with its peer or its macvlans. @returns false where there was none of this name. */
export function deleteLink(socket: NetlinkSocket<'route'>, name: string): boolean {
  try {
    socket.request(`delete link ${name}`, {
      type: RTM_DELLINK,
      payload: Buffer.concat([linkInfo(), nameAttribute(name)]),
    });
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENODEV') return false;
    throw error;
  }
}

/** @throws {NetlinkError} ENODEV where there is no such link in the socket's network namespace. */
export function linkIndex(socket: NetlinkSocket<'route'>, name: string): number {
  const operation = `look up link ${name}`;
  const [answer] = socket.request(operation, {
    type: RTM_GETLINK,
    payload: Buffer.concat([linkInfo(), nameAttribute(name)]),
  });
  if (answer === undefined) throw new Error(`${operation}: acknowledged without an answer`);
  return readI32(answer.payload, 4);
}

/** Sets a link up. A macvlan needs its parent to be up. @param index see {@link linkIndex}. */
export function setLinkUp(socket: NetlinkSocket<'route'>, index: number): void {
  socket.request(`set link ${index} up`, { type: RTM_SETLINK, payload: linkInfo(index, IFF_UP, IFF_UP) });
}

/** Sets the largest packet that a link takes, in bytes. @param index see {@link linkIndex}. */
export function setLinkMtu(socket: NetlinkSocket<'route'>, index: number, bytes: number): void {
  socket.request(`set the MTU of link ${index} to ${bytes}`, {
    type: RTM_SETLINK,
    payload: Buffer.concat([linkInfo(index), attribute(IFLA_MTU, u32(bytes))]),
  });
}

/** The names of all links of the socket's network namespace. */
export function linkNames(socket: NetlinkSocket<'route'>): string[] {
  return [...linkNamesByIndex(socket).values()];
}

export function linkNamesByIndex(socket: NetlinkSocket<'route'>): Map<number, string> {
  const names = new Map<number, string>();
  for (const { payload } of socket.dump('list links', { type: RTM_GETLINK, payload: linkInfo() })) {
    const name = decodeAttributes(payload.subarray(IFINFO_BYTES)).get(IFLA_IFNAME);
    if (name !== undefined) names.set(readI32(payload, 4), name.toString('utf8', 0, name.length - 1));
  }
  return names;
}
