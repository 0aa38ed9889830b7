/** IPv6 for tests of what keeps it out: the room itself configures IPv4 only. */
import { readFileSync } from 'node:fs';
import { attribute, NLM_F_CREATE, NLM_F_EXCL, writeU32 } from '../message.ts';
import type { TestNamespace } from './namespace.ts';

const AF_INET6 = 10;
const RTM_NEWADDR = 20;
const IFA_ADDRESS = 1;
const IFA_F_NODAD = 2;
const RTM_NEWROUTE = 24;
const RTA_GATEWAY = 5;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RTN_UNICAST = 1;

/** An address without a colon: `20010db8...`, 32 hex digits. */
export function addAddress6(namespace: TestNamespace, link: string, address: string): void {
  const message = Buffer.alloc(8);
  message.set([AF_INET6, 64, IFA_F_NODAD, 0]);
  writeU32(message, namespace.index(link), 4);
  namespace.route.request(`add address ${address}`, {
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([message, attribute(IFA_ADDRESS, Buffer.from(address, 'hex'))]),
  });
}

export function addDefaultRoute6(namespace: TestNamespace, gateway: string): void {
  const message = Buffer.alloc(12);
  message.set([AF_INET6, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, 0, RTN_UNICAST]);
  namespace.route.request(`add default route via ${gateway}`, {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([message, attribute(RTA_GATEWAY, Buffer.from(gateway, 'hex'))]),
  });
}

/** Whether this kernel has IPv6. */
export function hasIpv6(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv6/conf/all/disable_ipv6', 'latin1').trim() === '0';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
