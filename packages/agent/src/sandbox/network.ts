/** The network of a slot: a namespace with its own loopback, an address on the instance's cable, and Hearth's API. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { bindMount, closeFd, listenTcp, umount, MNT_DETACH } from '@hearth/linux';
import {
  addAddress,
  addDefaultRoute,
  createMacvlan,
  linkIndex,
  NetlinkSocket,
  newNetns,
  setLinkUp,
  withNetns,
} from '@hearth/linux/netlink';
import type { AgentNetwork } from '@hearth/protocol';

/** Where functions find Hearth's own API: a link-local address on their own loopback interface. */
const API_ADDRESS = '169.254.100.1';
/** Beyond the ports that the kernel hands out by itself. */
const API_PORT = 61_080;

export interface SlotNetwork extends Disposable {
  /** A socket listening at the API's address inside the namespace. The caller owns it. */
  readonly apiListener: number;
}

/**
 * Makes the namespace and pins it at `DIRECTORY/SLOT`, from where a forked sandbox enters it.
 *
 * @param network the instance's cable; without one the sandbox has only loopback.
 */
export function makeSlotNetwork(slot: number, directory: string, network: AgentNetwork | undefined): SlotNetwork {
  const netns = newNetns();
  const path = join(directory, String(slot));
  let apiListener: number;
  try {
    fs.writeFileSync(path, '');
    bindMount(`/proc/self/fd/${netns}`, path);
    if (network !== undefined) {
      using own = NetlinkSocket.route();
      const uplink = linkIndex(own, network.uplink);
      // The cable's end in here comes down; what hangs on it has no carrier until it is up.
      setLinkUp(own, uplink);
      createMacvlan(own, 'eth0', uplink, { fd: netns });
    }
    apiListener = withNetns(netns, () => {
      using inside = NetlinkSocket.route();
      const loopback = linkIndex(inside, 'lo');
      setLinkUp(inside, loopback);
      addAddress(inside, loopback, API_ADDRESS, 32);
      if (network !== undefined) {
        const cable = linkIndex(inside, 'eth0');
        addAddress(inside, cable, addressOf(network.gateway, slot), network.prefix);
        setLinkUp(inside, cable);
        addDefaultRoute(inside, network.gateway);
      }
      return listenTcp(API_ADDRESS, API_PORT);
    });
  } finally {
    closeFd(netns);
  }
  return {
    apiListener,
    [Symbol.dispose]() {
      umount(path, MNT_DETACH);
      fs.unlinkSync(path);
    },
  };
}

/** Slot 0 has the address after the gateway's. */
function addressOf(gateway: string, slot: number): string {
  const bytes = gateway.split('.').map(Number) as [number, number, number, number];
  const address = ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) + 1 + slot;
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}
