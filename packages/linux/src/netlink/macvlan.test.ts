import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { addAddress, createMacvlan, protectInstances, setForwarding } from './index.ts';
import { address, gateway, INTERNET, LOOPBACK_PORT, MACHINE, NETWORKS, PORT, TestMachine } from './testing/machine.ts';
import { lacksPrivilege, TestNamespace } from './testing/namespace.ts';

/** Two on the instance's network, and two on networks of their own, which meet only at the gateway. */
const SANDBOXES = [
  { host: '10.254.0.3', prefix: 22, gateway: gateway(0) },
  { host: '10.254.0.4', prefix: 22, gateway: gateway(0) },
  { host: '10.254.1.2', prefix: 30, gateway: '10.254.1.1' },
  { host: '10.254.1.6', prefix: 30, gateway: '10.254.1.5' },
] as const;

describe("macvlan interfaces over an instance's link", { skip: lacksPrivilege() }, () => {
  let network: TestMachine;
  let sandboxes: TestNamespace[];

  before(async () => {
    network = new TestMachine();
    await network.setUp();
    const { machine, instances } = network;
    for (const own of ['10.254.1.1', '10.254.1.5']) addAddress(machine.route, machine.index('htti0'), own, 30);
    // What answers a sandbox comes back through the machine only if it forwards for it.
    machine.within(() => setForwarding(['htti0']));
    sandboxes = SANDBOXES.map(() => new TestNamespace());
    for (const [i, sandbox] of sandboxes.entries()) {
      const settings = SANDBOXES[i] as (typeof SANDBOXES)[number];
      createMacvlan(instances[0].route, 'eth0', instances[0].index('eth0'), { fd: sandbox.fd });
      sandbox.connect('lo', []);
      sandbox.connect('eth0', [[settings.host, settings.prefix]], settings.gateway);
      await sandbox.listen('', PORT);
    }
  });
  after(async () => {
    for (const sandbox of sandboxes ?? []) await sandbox[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
  });

  function probe(sandbox: number, ...hosts: string[]): Promise<string[]> {
    return (sandboxes[sandbox] as TestNamespace).probe(hosts.map((host) => ({ host, port: PORT })));
  }

  it('reach the gateway and what is beyond, where no firewall says otherwise', async () => {
    for (const [i, { host, gateway: own }] of SANDBOXES.entries()) {
      assert.deepEqual(await probe(i, own, INTERNET, address(1)), [host, host, host]);
    }
  });

  it('do not reach each other or the link below', async () => {
    for (const answer of await probe(0, SANDBOXES[1].host, address(0)))
      assert.match(answer, /^(timeout|EHOSTUNREACH)$/);
  });

  it('would reach each other through the gateway, which the firewall prevents', async () => {
    const [from, to] = [SANDBOXES[2].host, SANDBOXES[3].host];
    assert.deepEqual(await probe(2, to), [from]);
    using netfilter = network.machine.netfilter();
    protectInstances(netfilter, NETWORKS);
    assert.deepEqual(await probe(2, to, address(1), gateway(0), INTERNET), ['timeout', 'timeout', 'timeout', MACHINE]);
  });

  it("have a loopback of their own, not the machine's", async () => {
    const answers = await (sandboxes[0] as TestNamespace).probe([
      { host: '127.0.0.1', port: LOOPBACK_PORT },
      { host: '127.0.0.1', port: PORT },
    ]);
    assert.deepEqual(answers, ['ECONNREFUSED', '127.0.0.1']);
  });
});
