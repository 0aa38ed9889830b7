export { addAddress, addDefaultRoute, defaultRouteLinks } from './address.ts';
export { NetlinkError } from './error.ts';
export { type FirewallOptions, installFirewall, removeFirewall } from './firewall.ts';
export { setForwarding } from './forwarding.ts';
export { createMacvlan, createVeth, deleteLink, linkIndex, listLinks, type NetnsTarget, setLink } from './link.ts';
export { newNetns, withNetns } from './netns.ts';
export { NetlinkSocket, type NetlinkProtocol } from './socket.ts';
