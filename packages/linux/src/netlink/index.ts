export { addAddress, addDefaultRoute, defaultRouteLinks } from './address.ts';
export { NetlinkError } from './error.ts';
export { type InstanceNetworks, protectInstances } from './firewall.ts';
export { setForwarding } from './forwarding.ts';
export type { Ipv4Network } from './ipv4.ts';
export {
  createMacvlan,
  createVeth,
  deleteLink,
  linkIndex,
  linkNames,
  type NetnsTarget,
  setLinkMtu,
  setLinkUp,
} from './link.ts';
export { newNetns, withNetns } from './netns.ts';
export { NetlinkSocket } from './socket.ts';
export { deleteTable } from './table.ts';
