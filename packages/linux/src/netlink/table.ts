/**
 * Tables of nf_tables, replaced and deleted in one transaction each.
 *
 * Source: Linux's `include/uapi/linux/netfilter/nf_tables.h` and `nfnetlink.h`.
 */
import { NetlinkError } from './error.ts';
import type { Expressions } from './expressions.ts';
import { attribute, be32, cString, nested, NLM_F_APPEND, NLM_F_CREATE } from './message.ts';
import type { BatchRequest, NetlinkSocket, Request } from './socket.ts';

const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFNL_SUBSYS_NFTABLES = 10;

const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;

const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;

const NFPROTO_UNSPEC = 0;
/** IPv4 and IPv6 in one table; chains of type nat since Linux 5.2. */
const NFPROTO_INET = 1;
const HOOKS = { input: 1, forward: 2, postrouting: 4 } as const;

/** A base chain, its policy accept. */
export interface Chain {
  name: string;
  type: 'filter' | 'nat';
  hook: keyof typeof HOOKS;
  /** Chains of one hook run in ascending order; `filter` is 0, `srcnat` 100. */
  priority: number;
  rules: readonly Rule[];
}

export interface Rule {
  /** What it does, in words, for error messages. */
  about: string;
  expressions: Expressions;
}

/**
 * Makes table `inet NAME` with these chains, in the place of one of that name, in one step: no packet sees it half
 * made, and nothing changes where it fails.
 *
 * @throws {NetlinkError} naming the part that the kernel refused.
 */
export function replaceTable(socket: NetlinkSocket<'netfilter'>, name: string, chains: readonly Chain[]): void {
  const requests = [
    // To delete what may not exist, make sure that it does.
    tableRequest('ensure the table', NFT_MSG_NEWTABLE, name, NLM_F_CREATE),
    tableRequest('delete the former table', NFT_MSG_DELTABLE, name),
    tableRequest('make the table', NFT_MSG_NEWTABLE, name, NLM_F_CREATE),
  ];
  for (const chain of chains) {
    requests.push(chainRequest(name, chain));
    for (const rule of chain.rules) requests.push(ruleRequest(name, chain, rule));
  }
  commit(socket, `replace table ${name}`, requests);
}

/** Deletes table `inet NAME` with all that is in it. @returns false where there was none. */
export function deleteTable(socket: NetlinkSocket<'netfilter'>, name: string): boolean {
  try {
    commit(socket, `delete table ${name}`, [tableRequest('delete it', NFT_MSG_DELTABLE, name)]);
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return false;
    throw error;
  }
}

function tableRequest(operation: string, type: number, table: string, flags = 0): BatchRequest {
  return request(operation, type, flags, attribute(NFTA_TABLE_NAME, cString(table)));
}

function chainRequest(table: string, { name, type, hook, priority }: Chain): BatchRequest {
  return request(
    `chain ${name}`,
    NFT_MSG_NEWCHAIN,
    NLM_F_CREATE,
    attribute(NFTA_CHAIN_TABLE, cString(table)),
    attribute(NFTA_CHAIN_NAME, cString(name)),
    nested(
      NFTA_CHAIN_HOOK,
      attribute(NFTA_HOOK_HOOKNUM, be32(HOOKS[hook])),
      attribute(NFTA_HOOK_PRIORITY, be32(priority)),
    ),
    attribute(NFTA_CHAIN_TYPE, cString(type)),
  );
}

function ruleRequest(table: string, chain: Chain, rule: Rule): BatchRequest {
  return request(
    `chain ${chain.name}, rule ${rule.about}`,
    NFT_MSG_NEWRULE,
    NLM_F_CREATE | NLM_F_APPEND,
    attribute(NFTA_RULE_TABLE, cString(table)),
    attribute(NFTA_RULE_CHAIN, cString(chain.name)),
    nested(NFTA_RULE_EXPRESSIONS, ...rule.expressions),
  );
}

function request(operation: string, type: number, flags: number, ...attributes: Buffer[]): BatchRequest {
  const payload = Buffer.concat([header(NFPROTO_INET, 0), ...attributes]);
  return { operation, type: (NFNL_SUBSYS_NFTABLES << 8) | type, flags, payload };
}

/** `struct nfgenmsg`: family, version 0, resource id in network order. */
function header(family: number, resource: number): Buffer {
  return Buffer.from([family, 0, resource >> 8, resource & 0xff]);
}

function commit(socket: NetlinkSocket<'netfilter'>, operation: string, requests: readonly BatchRequest[]): void {
  const payload = header(NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES);
  const begin: Request = { type: NFNL_MSG_BATCH_BEGIN, payload };
  socket.batch(operation, begin, requests, { type: NFNL_MSG_BATCH_END, payload });
}
