/** What an agent does, as root of its own user namespace: run in new user and network namespaces, prints what it did. */
import { closeSync } from 'node:fs';
import {
  addAddress,
  addDefaultRoute,
  createMacvlan,
  createVeth,
  deleteTable,
  linkIndex,
  linkNames,
  NetlinkError,
  NetlinkSocket,
  newNetns,
  protectInstances,
  setLinkUp,
  withNetns,
} from '../index.ts';
import { NETWORKS } from './machine.ts';

using route = NetlinkSocket.route();
using netfilter = NetlinkSocket.netfilter();
const beyond = newNetns();
const sandbox = newNetns();
createVeth(route, 'up0', 'peer', { fd: beyond });
setLinkUp(route, linkIndex(route, 'up0'));
createMacvlan(route, 'eth0', linkIndex(route, 'up0'), { fd: sandbox });
using inside = withNetns(sandbox, () => NetlinkSocket.route());
for (const name of ['lo', 'eth0']) setLinkUp(inside, linkIndex(inside, name));
addAddress(inside, linkIndex(inside, 'eth0'), '10.254.0.3', 22);
addDefaultRoute(inside, '10.254.0.1');
protectInstances(netfilter, NETWORKS);

console.log(
  JSON.stringify({
    links: linkNames(inside),
    tableDeleted: deleteTable(netfilter, NETWORKS.table),
    foreign: putLinkIntoForeignNamespace(),
  }),
);
closeSync(beyond);
closeSync(sandbox);

/** Descriptor 3 is a network namespace that belongs to somebody else. */
function putLinkIntoForeignNamespace(): string {
  try {
    createVeth(route, 'htta', 'httb', { fd: 3 });
    return 'allowed';
  } catch (error) {
    if (error instanceof NetlinkError) return error.code;
    throw error;
  }
}
