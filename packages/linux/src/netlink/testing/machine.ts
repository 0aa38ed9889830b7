import { createVeth, type InstanceNetworks, setForwarding } from '../index.ts';
import { addAddress6, addDefaultRoute6, hasIpv6 } from './ipv6.ts';
import { TestNamespace } from './namespace.ts';

/** RFC 5737's and RFC 3849's addresses for documentation, which no network uses. */
export const INTERNET = '203.0.113.1';
export const MACHINE = '203.0.113.2';
export const DENIED = '198.51.100.7';
export const METADATA = '169.254.169.254';
export const INTERNET_IPV6 = '2001:db8:1::1';
export const MACHINE_IPV6 = '2001:db8:2::1';
/** Not in the pool, but routed by the machine to the first instance. */
export const FOREIGN = '192.0.2.77';
export const PORT = 8080;
/** A server on the machine that listens on its loopback only. */
export const LOOPBACK_PORT = 8081;

export const NETWORKS: InstanceNetworks = {
  table: 'htt-test',
  interfacePrefix: 'htti',
  pool: { address: '10.254.0.0', prefix: 16 },
  denied: [{ address: '198.51.100.99', prefix: 24 }],
};

/**
 * A machine between the Internet and two instances, all of them network namespaces with a server on every address:
 *
 *     internet -- httup | machine | htti0 -- eth0 | instance 0
 *                                 | htti1 -- eth0 | instance 1
 *
 * It is as permissive as a machine can be set up: without a firewall everything reaches everything, even the
 * machine's loopback. An instance's own loopback is down, so that its packets to 127.0.0.1 leave it.
 */
export class TestMachine implements AsyncDisposable {
  readonly internet = new TestNamespace();
  readonly machine = new TestNamespace();
  readonly instances = [new TestNamespace(), new TestNamespace()] as const;

  async setUp(): Promise<void> {
    const { internet, machine, instances } = this;
    // Interfaces made from now on use their IPv6 addresses at once, not after seconds of looking for duplicates.
    if (hasIpv6()) {
      for (const one of [internet, machine, ...instances]) one.sysctl('ipv6/conf/default/accept_dad', '0');
    }
    createVeth(machine.route, 'httup', 'eth0', { fd: internet.fd });
    internet.connect('lo', [
      [METADATA, 32],
      [DENIED, 32],
    ]);
    machine.connect('lo', []);
    machine.connect('httup', [[MACHINE, 24]]);
    internet.connect('eth0', [[INTERNET, 24]], MACHINE);
    machine.connect('httup', [], INTERNET);
    for (const [i, instance] of instances.entries()) {
      createVeth(machine.route, `htti${i}`, 'eth0', { fd: instance.fd });
      machine.connect(`htti${i}`, [[gateway(i), 22]]);
      instance.connect('eth0', [[address(i), 22]], gateway(i));
      for (const [end, link] of [
        [machine, `htti${i}`],
        [instance, 'eth0'],
      ] as const) {
        end.sysctl(`ipv4/conf/${link}/route_localnet`, '1');
        end.sysctl(`ipv4/conf/${link}/rp_filter`, '0');
      }
    }
    machine.sysctl('ipv4/conf/all/rp_filter', '0');
    machine.connect('htti0', [['192.0.2.1', 24]]);
    instances[0].connect('eth0', [[FOREIGN, 24]]);
    if (hasIpv6()) this.#setUpIpv6();
    machine.within(() => setForwarding(['htti0', 'htti1']));
    await Promise.all([internet, machine, ...instances].map((namespace) => namespace.listen('', PORT)));
    await machine.listen('127.0.0.1', LOOPBACK_PORT);
  }

  #setUpIpv6(): void {
    const { internet, machine, instances } = this;
    const [net, cable] = ['20010db8000100000000000000000001', '20010db8000100000000000000000002'];
    const [gate, inside] = ['20010db8000200000000000000000001', '20010db8000200000000000000000002'];
    addAddress6(internet, 'eth0', net);
    addAddress6(machine, 'httup', cable);
    addAddress6(machine, 'htti0', gate);
    addAddress6(instances[0], 'eth0', inside);
    addDefaultRoute6(internet, cable);
    addDefaultRoute6(instances[0], gate);
    machine.sysctl('ipv6/conf/all/forwarding', '1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const namespace of [this.internet, this.machine, ...this.instances]) await namespace[Symbol.asyncDispose]();
  }
}

/** The machine's address on an instance's cable. */
export function gateway(instance: number): string {
  return `10.254.${instance * 4}.1`;
}

export function address(instance: number): string {
  return `10.254.${instance * 4}.2`;
}
