/**
 * What nf_tables rules are made of: matches, which end the rule where they fail, and what to do with the packet.
 * Numbers in attributes are in network order; the data that is compared is as the packet or the kernel has it.
 *
 * Source: Linux's `include/uapi/linux/netfilter/nf_tables.h`; nft(8) for the meaning.
 */
import { type Ipv4Network, networkAddress, prefixMask } from './ipv4.ts';
import { attribute, be32, cString, nested, u32 } from './message.ts';

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;

const NFT_REG_VERDICT = 0;
const NFT_REG_1 = 1;

const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
const NFT_META_IIFNAME = 6;
const NFT_META_OIFNAME = 7;
const NFT_META_NFPROTO = 15;
const NFPROTO_IPV4 = 2;
const NFPROTO_IPV6 = 10;

const NFTA_CMP_SREG = 1;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;
const Compare = { equal: 0, different: 1 } as const;
type Compare = (typeof Compare)[keyof typeof Compare];

const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
const NFT_PAYLOAD_NETWORK_HEADER = 1;
/** Offsets in an IPv4 header, RFC 791. */
const AddressField = { source: 12, destination: 16 } as const;
type AddressField = (typeof AddressField)[keyof typeof AddressField];
const ADDRESS_BYTES = 4;

const NFTA_BITWISE_SREG = 1;
const NFTA_BITWISE_DREG = 2;
const NFTA_BITWISE_LEN = 3;
const NFTA_BITWISE_MASK = 4;
const NFTA_BITWISE_XOR = 5;

const NFTA_CT_DREG = 1;
const NFTA_CT_KEY = 2;
const NFT_CT_STATE = 0;
/** Bits of `ct state`, as nft(8) has them: established is 2, related 4. */
const ESTABLISHED_OR_RELATED = 0x2 | 0x4;

const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;
const NF_DROP = 0;
const NF_ACCEPT = 1;

/** Expressions in the order in which the kernel evaluates them. */
export type Expressions = Buffer[];

function expression(name: string, ...data: Buffer[]): Buffer {
  return nested(NFTA_LIST_ELEM, attribute(NFTA_EXPR_NAME, cString(name)), nested(NFTA_EXPR_DATA, ...data));
}

function loadMeta(key: number): Buffer {
  return expression('meta', attribute(NFTA_META_DREG, be32(NFT_REG_1)), attribute(NFTA_META_KEY, be32(key)));
}

/** Compares as many bytes of the register as `value` has. */
function compare(how: Compare, value: Buffer): Buffer {
  return expression(
    'cmp',
    attribute(NFTA_CMP_SREG, be32(NFT_REG_1)),
    attribute(NFTA_CMP_OP, be32(how)),
    nested(NFTA_CMP_DATA, attribute(NFTA_DATA_VALUE, value)),
  );
}

function maskRegister(mask: Buffer): Buffer {
  return expression(
    'bitwise',
    attribute(NFTA_BITWISE_SREG, be32(NFT_REG_1)),
    attribute(NFTA_BITWISE_DREG, be32(NFT_REG_1)),
    attribute(NFTA_BITWISE_LEN, be32(mask.length)),
    nested(NFTA_BITWISE_MASK, attribute(NFTA_DATA_VALUE, mask)),
    nested(NFTA_BITWISE_XOR, attribute(NFTA_DATA_VALUE, Buffer.alloc(mask.length))),
  );
}

function compareAddress(field: AddressField, how: Compare, network: Ipv4Network): Expressions {
  return [
    // Chains of family `inet` see both protocols: without this, bytes of an IPv6 header would be compared.
    loadMeta(NFT_META_NFPROTO),
    compare(Compare.equal, Buffer.from([NFPROTO_IPV4])),
    expression(
      'payload',
      attribute(NFTA_PAYLOAD_DREG, be32(NFT_REG_1)),
      attribute(NFTA_PAYLOAD_BASE, be32(NFT_PAYLOAD_NETWORK_HEADER)),
      attribute(NFTA_PAYLOAD_OFFSET, be32(field)),
      attribute(NFTA_PAYLOAD_LEN, be32(ADDRESS_BYTES)),
    ),
    maskRegister(prefixMask(network.prefix)),
    compare(how, networkAddress(network)),
  ];
}

function verdict(code: number): Buffer {
  return expression(
    'immediate',
    attribute(NFTA_IMMEDIATE_DREG, be32(NFT_REG_VERDICT)),
    nested(NFTA_IMMEDIATE_DATA, nested(NFTA_DATA_VERDICT, attribute(NFTA_VERDICT_CODE, be32(code)))),
  );
}

/** `iifname "PREFIX*"`: it came in on an interface whose name starts so. */
export function fromInterfaces(prefix: string): Expressions {
  return [loadMeta(NFT_META_IIFNAME), compare(Compare.equal, Buffer.from(prefix))];
}

/** `oifname "PREFIX*"`: it goes out on an interface whose name starts so. */
export function toInterfaces(prefix: string): Expressions {
  return [loadMeta(NFT_META_OIFNAME), compare(Compare.equal, Buffer.from(prefix))];
}

/** `oifname != "PREFIX*"` */
export function toOtherInterfaces(prefix: string): Expressions {
  return [loadMeta(NFT_META_OIFNAME), compare(Compare.different, Buffer.from(prefix))];
}

/** `meta nfproto ipv6` */
export function isIpv6(): Expressions {
  return [loadMeta(NFT_META_NFPROTO), compare(Compare.equal, Buffer.from([NFPROTO_IPV6]))];
}

/** `ip saddr NETWORK` */
export function fromNetwork(network: Ipv4Network): Expressions {
  return compareAddress(AddressField.source, Compare.equal, network);
}

/** `ip saddr != NETWORK` */
export function fromOutside(network: Ipv4Network): Expressions {
  return compareAddress(AddressField.source, Compare.different, network);
}

/** `ip daddr NETWORK` */
export function toNetwork(network: Ipv4Network): Expressions {
  return compareAddress(AddressField.destination, Compare.equal, network);
}

/** `ct state established,related`: it answers what went the other way, or is an error about that. */
export function isAnswer(): Expressions {
  return [
    expression('ct', attribute(NFTA_CT_DREG, be32(NFT_REG_1)), attribute(NFTA_CT_KEY, be32(NFT_CT_STATE))),
    // The state is a number of the kernel's own, so in the host's byte order.
    maskRegister(u32(ESTABLISHED_OR_RELATED)),
    compare(Compare.different, u32(0)),
  ];
}

/** The packet is discarded, whatever other tables say. */
export function drop(): Expressions {
  return [verdict(NF_DROP)];
}

/** This chain is done with the packet; those of other tables still see it. */
export function accept(): Expressions {
  return [verdict(NF_ACCEPT)];
}

/** Its source becomes the address of the interface it goes out on. */
export function masquerade(): Expressions {
  return [expression('masq')];
}
