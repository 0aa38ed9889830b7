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
import type { Ipv4Network } from './ipv4.ts';
import { checkLinkName } from './link.ts';
import type { NetlinkSocket } from './socket.ts';
import { replaceTable, type Rule } from './table.ts';

/** Never forwarded: the loopback network, and link-local addresses, where clouds keep their hosts' credentials. */
const ALWAYS_DENIED: readonly Ipv4Network[] = [
  { address: '127.0.0.0', prefix: 8 },
  { address: '169.254.0.0', prefix: 16 },
];

/** Before the chains of priority `filter` (0), where other software keeps its own. */
const BEFORE_FILTER = -5;
/** nft(8): `srcnat`. */
const SOURCE_NAT = 100;

/** What tells instances from the rest of the machine's network. */
export interface InstanceNetworks {
  /** Name of the table, of family `inet`. */
  table: string;
  /** What the names of the instances' interfaces, and no others, start with. */
  interfacePrefix: string;
  /**
   * What the names of all interfaces start with that instances must not send to: those of other installations on
   * this machine too. The instances' own prefix must start with it, and does by default.
   */
  siblingPrefix?: string;
  /** Of all instances' addresses. */
  pool: Ipv4Network;
  /** Further networks that instances must not reach. */
  denied?: readonly Ipv4Network[];
}

/**
 * Makes the table, in one step in the place of a former one. It lets instances open connections to what is beyond
 * this machine, with this machine's address, and nothing else:
 *
 * 1. nothing from an instance is delivered on this machine, to whichever of its addresses (loopback included);
 * 2. nothing goes from one instance to another;
 * 3. nothing goes to 127.0.0.0/8, 169.254.0.0/16 or the denied networks;
 * 4. nothing leaves with a source address outside the pool;
 * 5. no IPv6 comes from an instance;
 * 6. into an instance goes only what answers it, or what this machine itself sends.
 *
 * Packets that it lets pass may still be dropped by other software's tables. `deleteTable` undoes it.
 *
 * @throws {NetlinkError} where the kernel refuses; then nothing has changed.
 * @throws {RangeError} for a prefix or a network that is none.
 */
export function protectInstances(socket: NetlinkSocket<'netfilter'>, networks: InstanceNetworks): void {
  const { table, interfacePrefix: prefix, siblingPrefix = prefix, pool } = networks;
  // An empty prefix would match every interface, and so cut the machine off.
  checkLinkName(prefix);
  checkLinkName(siblingPrefix);
  if (!prefix.startsWith(siblingPrefix)) {
    throw new RangeError(`interface prefix ${prefix} does not start with the siblings' prefix ${siblingPrefix}`);
  }
  const from = (about: string, ...matches: Buffer[]): Rule => ({
    about: `drop ${about}`,
    expressions: [...fromInterfaces(prefix), ...matches, ...drop()],
  });
  const denied = [...ALWAYS_DENIED, ...(networks.denied ?? [])];
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
        from('to other instances', ...toInterfaces(siblingPrefix)),
        from('from outside the pool', ...fromOutside(pool)),
        ...denied.map((network) => from(`to ${network.address}/${network.prefix}`, ...toNetwork(network))),
        { about: 'accept answers', expressions: [...toInterfaces(prefix), ...isAnswer(), ...accept()] },
        { about: 'drop what is no answer', expressions: [...toInterfaces(prefix), ...drop()] },
      ],
    },
    { name: 'input', type: 'filter', hook: 'input', priority: BEFORE_FILTER, rules: [from('to this machine')] },
  ]);
}
