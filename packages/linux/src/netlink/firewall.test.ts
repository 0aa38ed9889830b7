import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deleteTable, protectInstances } from './index.ts';
import { hasIpv6 } from './testing/ipv6.ts';
import {
  address,
  DENIED,
  FOREIGN,
  gateway,
  INTERNET,
  INTERNET_IPV6,
  LOOPBACK_PORT,
  MACHINE,
  MACHINE_IPV6,
  METADATA,
  NETWORKS,
  PORT,
  TestMachine,
} from './testing/machine.ts';
import { lacksPrivilege, type Target } from './testing/namespace.ts';

const FORBIDDEN: Record<string, Target> = {
  'another instance': { host: address(1), port: PORT },
  'another instance, at its gateway': { host: gateway(1), port: PORT },
  "the machine's end of the cable": { host: gateway(0), port: PORT },
  "the machine's own address": { host: MACHINE, port: PORT },
  "the machine's loopback": { host: '127.0.0.1', port: LOOPBACK_PORT },
  'a link-local address': { host: METADATA, port: PORT },
  'a denied network': { host: DENIED, port: PORT },
  'the Internet with a foreign address': { host: INTERNET, port: PORT, from: FOREIGN },
  ...(hasIpv6() && {
    'the Internet by IPv6': { host: INTERNET_IPV6, port: PORT },
    'the machine by IPv6': { host: MACHINE_IPV6, port: PORT },
  }),
};

describe("the instances' firewall", { skip: lacksPrivilege() }, () => {
  let network: TestMachine;
  before(async () => {
    network = new TestMachine();
    await network.setUp();
  });
  after(() => network[Symbol.asyncDispose]());

  /** What instance 0 reaches, and what of it the Internet reaches. */
  async function reach() {
    const [outward, [inward]] = await Promise.all([
      network.instances[0].probe([{ host: INTERNET, port: PORT }, ...Object.values(FORBIDDEN)]),
      network.internet.probe([{ host: address(0), port: PORT }]),
    ]);
    const [internet, ...rest] = outward;
    return {
      internet,
      inward,
      forbidden: Object.fromEntries(Object.keys(FORBIDDEN).map((name, i) => [name, rest[i]])),
    };
  }

  async function assertAllOpen(): Promise<void> {
    const { internet, inward, forbidden } = await reach();
    assert.equal(internet, address(0));
    assert.equal(inward, INTERNET);
    for (const [name, answer] of Object.entries(forbidden)) assert.match(String(answer), /^[\d.]+$|^2001:/, name);
  }

  it('is needed: without it everything is reachable', assertAllOpen);

  it('lets an instance reach the Internet, as the machine, and nothing else', async () => {
    using netfilter = network.machine.netfilter();
    // Twice: the second takes the place of the first.
    protectInstances(netfilter, NETWORKS);
    protectInstances(netfilter, NETWORKS);
    const { internet, inward, forbidden } = await reach();
    assert.equal(internet, MACHINE);
    assert.equal(inward, 'timeout');
    assert.deepEqual(forbidden, Object.fromEntries(Object.keys(FORBIDDEN).map((name) => [name, 'timeout'])));
  });

  it("keeps instances from other installations' instances", async () => {
    using netfilter = network.machine.netfilter();
    protectInstances(netfilter, { ...NETWORKS, interfacePrefix: 'htti0', siblingPrefix: 'htti' });
    const [sibling, internet] = await network.instances[0].probe([
      { host: address(1), port: PORT },
      { host: INTERNET, port: PORT },
    ]);
    assert.deepEqual({ sibling, internet }, { sibling: 'timeout', internet: MACHINE });
  });

  it('goes with its table, which goes once', async () => {
    using netfilter = network.machine.netfilter();
    assert.equal(deleteTable(netfilter, NETWORKS.table), true);
    assert.equal(deleteTable(netfilter, NETWORKS.table), false);
    await assertAllOpen();
  });

  it('refuses a prefix that would match every interface', () => {
    using netfilter = network.machine.netfilter();
    assert.throws(() => protectInstances(netfilter, { ...NETWORKS, interfacePrefix: '' }), RangeError);
    assert.throws(() => protectInstances(netfilter, { ...NETWORKS, siblingPrefix: 'hth' }), RangeError);
  });
});
