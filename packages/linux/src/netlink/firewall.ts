import {
  accept,
  drop,
  fromInterfaces,
  fromNetwork,
  fromOutside,
  isAnswer,
  isIpv6,
  masquerade,
  toInterfaces,
  toNetwork,
  toOtherInterfaces,
} from './expressions.ts';
import { parseCidr } from './ipv4.ts';
import { checkLinkName } from './link.ts';
import type { NetlinkSocket } from './socket.ts';
import { deleteTable, replaceTable, type Rule } from './table.ts';

/** Never forwarded: the loopback network, and link-local addresses, where clouds keep their hosts' credentials. */
const ALWAYS_DENIED = ['127.0.0.0/8', '169.254.0.0/16'];

/** Before the chains of priority `filter` (0), where other software keeps its own. */
const BEFORE_FILTER = -5;
/** nft(8): `srcnat`. */
const SOURCE_NAT = 100;

export interface FirewallOptions {
  /** What the names of all instances' interfaces, and no others, start with. */
  interfacePrefix: string;
  /** The IPv4 network of all instances' addresses: `10.1.0.0/16`. */
  pool: string;
  /** Further IPv4 networks that instances must not reach. */
  denied?: readonly string[];
}

/**
 * Makes table `inet NAME`, in one step in the place of a former one. It lets instances open connections to what is
 * beyond this machine, with this machine's address, and nothing else:
 *
 * 1. nothing from an instance is delivered on this machine, to whichever of its addresses (loopback included);
 * 2. nothing goes from one instance to another;
 * 3. nothing goes to 127.0.0.0/8, 169.254.0.0/16 or the denied networks;
 * 4. nothing leaves with a source address outside the pool;
 * 5. no IPv6 comes from an instance;
 * 6. into an instance goes only what answers it, or what this machine itself sends.
 *
 * @throws {NetlinkError} where the kernel refuses; then nothing has changed.
 * @throws {RangeError} for a prefix or a network that is none.
 */
export function installFirewall(socket: NetlinkSocket<'netfilter'>, table: string, options: FirewallOptions): void {
  const { interfacePrefix: prefix } = options;
  // An empty prefix would match every interface, and so cut the machine off.
  checkLinkName(prefix);
  const pool = parseCidr(options.pool);
  const from = (about: string, ...matches: Buffer[]): Rule => ({
    about: `drop ${about}`,
    expressions: [...fromInterfaces(prefix), ...matches, ...drop()],
  });
  const denied = [...ALWAYS_DENIED, ...(options.denied ?? [])];
  replaceTable(socket, table, [
    {
      name: 'postrouting',
      type: 'nat',
      hook: 'postrouting',
      priority: SOURCE_NAT,
      rules: [
        { about: 'masquerade', expressions: [...fromNetwork(pool), ...toOtherInterfaces(prefix), ...masquerade()] },
      ],
    },
    {
      name: 'forward',
      type: 'filter',
      hook: 'forward',
      priority: BEFORE_FILTER,
      rules: [
        from('IPv6', ...isIpv6()),
        from('to other instances', ...toInterfaces(prefix)),
        from('from outside the pool', ...fromOutside(pool)),
        ...denied.map((network) => from(`to ${network}`, ...toNetwork(parseCidr(network)))),
        { about: 'accept answers', expressions: [...toInterfaces(prefix), ...isAnswer(), ...accept()] },
        { about: 'drop what is no answer', expressions: [...toInterfaces(prefix), ...drop()] },
      ],
    },
    { name: 'input', type: 'filter', hook: 'input', priority: BEFORE_FILTER, rules: [from('to this machine')] },
  ]);
}

/** Deletes the firewall's table. @returns false where there was none. */
export function removeFirewall(socket: NetlinkSocket<'netfilter'>, table: string): boolean {
  return deleteTable(socket, table);
}
