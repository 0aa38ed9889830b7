/** The machine's side of the instances' network: a cable to each, address translation, and a filter. */
import {
  addAddress,
  createVeth,
  deleteLink,
  deleteTable,
  linkIndex,
  linkNames,
  NetlinkSocket,
  protectInstances,
  setForwarding,
  setLinkUp,
} from '@hearth/linux/netlink';
import type { AgentNetwork } from '@hearth/protocol';
import { ADDRESS_POOL, gatewayAddress, INSTANCE_PREFIX, INTERFACE_PREFIX, interfaceName, tableName } from './names.ts';

/** One instance's cable. */
export interface InstanceNetwork {
  /** What the agent needs to know to connect sandboxes. */
  readonly inside: AgentNetwork;
  disconnect(): void;
}

/** Name of the cable's end inside an instance. */
const UPLINK = 'up0';

export class Network implements Disposable {
  readonly #installation: string;
  #restoreForwarding: (() => void) | undefined;

  constructor(installation: string) {
    this.#installation = installation;
  }

  /** Sets up filter and translation, in place of those of a former life. */
  open(): void {
    this.#removeLinks();
    using netfilter = NetlinkSocket.netfilter();
    protectInstances(netfilter, {
      table: tableName(this.#installation),
      interfacePrefix: `${INTERFACE_PREFIX}${this.#installation}`,
      siblingPrefix: INTERFACE_PREFIX,
      pool: ADDRESS_POOL,
    });
    this.#restoreForwarding = setForwarding([]);
  }

  connect(index: number, pid: number): InstanceNetwork {
    const name = interfaceName(this.#installation, index);
    const gateway = gatewayAddress(index);
    using route = NetlinkSocket.route();
    if (linkNames(route).includes(name)) deleteLink(route, name);
    createVeth(route, name, UPLINK, { pid });
    addAddress(route, linkIndex(route, name), gateway, INSTANCE_PREFIX);
    setLinkUp(route, linkIndex(route, name));
    setForwarding([name]);
    return {
      inside: { uplink: UPLINK, gateway, prefix: INSTANCE_PREFIX },
      disconnect: () => this.#disconnect(name),
    };
  }

  [Symbol.dispose](): void {
    this.#removeLinks();
    using netfilter = NetlinkSocket.netfilter();
    deleteTable(netfilter, tableName(this.#installation));
    this.#restoreForwarding?.();
  }

  #disconnect(name: string): void {
    using route = NetlinkSocket.route();
    // The cable goes with the instance's namespace, which the kernel may have removed already.
    if (linkNames(route).includes(name)) deleteLink(route, name);
  }

  #removeLinks(): void {
    using route = NetlinkSocket.route();
    const prefix = `${INTERFACE_PREFIX}${this.#installation}`;
    for (const name of linkNames(route)) if (name.startsWith(prefix)) deleteLink(route, name);
  }
}
