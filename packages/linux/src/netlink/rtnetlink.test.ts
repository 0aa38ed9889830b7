import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  addAddress,
  addDefaultRoute,
  createMacvlan,
  createVeth,
  defaultRouteLinks,
  deleteLink,
  linkIndex,
  linkNames,
  setForwarding,
  setLinkMtu,
  setLinkUp,
} from './index.ts';
import { lacksPrivilege, TestNamespace } from './testing/namespace.ts';

const ROOTLESS = fileURLToPath(new URL('testing/rootless.ts', import.meta.url));
const LOOPBACK = 1;

describe('links, addresses and routes', { skip: lacksPrivilege() }, () => {
  let here: TestNamespace;
  let there: TestNamespace;
  before(() => {
    here = new TestNamespace();
    there = new TestNamespace();
  });
  after(async () => {
    await here[Symbol.asyncDispose]();
    await there[Symbol.asyncDispose]();
  });

  it('a veth pair has its ends in two namespaces and goes as one', () => {
    createVeth(here.route, 'htta', 'httb', { fd: there.fd });
    assert.deepEqual(
      [linkNames(here.route), linkNames(there.route)],
      [
        ['lo', 'htta'],
        ['lo', 'httb'],
      ],
    );
    assert.equal(deleteLink(here.route, 'htta'), true);
    assert.deepEqual([linkNames(here.route), linkNames(there.route)], [['lo'], ['lo']]);
    assert.equal(deleteLink(here.route, 'htta'), false);
  });

  it("a peer can be put where a process is, by the process's id", async () => {
    const child = there.within(() => spawn('cat', { stdio: ['pipe', 'ignore', 'inherit'] }));
    try {
      createVeth(here.route, 'htta', 'httb', { pid: child.pid as number });
      assert.deepEqual(linkNames(there.route), ['lo', 'httb']);
      deleteLink(here.route, 'htta');
    } finally {
      child.stdin.end();
      await once(child, 'exit');
    }
  });

  it('what the kernel refuses says what, why and, where it can, what to do', () => {
    createVeth(here.route, 'htta', 'httb', { fd: there.fd });
    assert.throws(() => createVeth(here.route, 'htta', 'httc', { fd: there.fd }), {
      name: 'NetlinkError',
      code: 'EEXIST',
      operation: 'create veth htta with peer httc',
      message: /^create veth htta with peer httc: EEXIST/,
    });
    assert.throws(() => linkIndex(here.route, 'httnone'), { code: 'ENODEV' });
    assert.throws(() => setLinkUp(here.route, 9999), { code: 'ENODEV', message: /^set link 9999 up: ENODEV/ });
    assert.throws(() => createMacvlan(here.route, 'htta', 9999, { fd: there.fd }), { code: 'ENODEV' });
    assert.throws(() => addDefaultRoute(here.route, '10.254.99.99'), { code: 'ENETUNREACH', message: /gateway/ });
    assert.throws(() => createVeth(here.route, 'a/b', 'httc', { fd: there.fd }), RangeError);
    assert.throws(() => createVeth(here.route, 'sixteen-bytes-ab', 'httc', { fd: there.fd }), RangeError);
    assert.throws(() => addAddress(here.route, LOOPBACK, '10.254.0.256', 24), RangeError);
    assert.throws(() => addAddress(here.route, LOOPBACK, '10.254.0.1', 33), RangeError);
    // The socket is as good as before.
    assert.equal(linkIndex(here.route, 'lo'), LOOPBACK);
    deleteLink(here.route, 'htta');
  });

  it('an MTU is as set, and a default route leads over the link of its gateway', () => {
    createVeth(here.route, 'htta', 'httb', { fd: there.fd });
    const index = linkIndex(here.route, 'htta');
    setLinkMtu(here.route, index, 1400);
    assert.equal(mtu(here, 'htta'), 1400);
    assert.deepEqual(defaultRouteLinks(here.route), []);
    here.connect('htta', [['10.254.0.1', 30]], '10.254.0.2');
    assert.deepEqual(defaultRouteLinks(here.route), ['htta']);
    deleteLink(here.route, 'htta');
  });

  it('forwarding is set on the named and the default interface only, and put back', () => {
    createVeth(here.route, 'htta', 'httb', { fd: there.fd });
    createVeth(here.route, 'httc', 'httd', { fd: there.fd });
    createVeth(here.route, 'htte', 'httf', { fd: there.fd });
    here.connect('httc', [['10.254.0.1', 30]], '10.254.0.2');
    const values = () => ['htta', 'httc', 'htte'].map((name) => here.within(() => forwarding(name)));
    assert.deepEqual(values(), ['0', '0', '0']);
    const restore = here.within(() => setForwarding(['htta']));
    assert.deepEqual(values(), ['1', '1', '0']);
    here.within(() => assert.throws(() => setForwarding(['htte', 'httnone']), { code: 'ENOENT' }));
    assert.deepEqual(values(), ['1', '1', '0']);
    deleteLink(here.route, 'htta');
    here.within(restore);
    assert.deepEqual(
      ['httc', 'htte'].map((name) => here.within(() => forwarding(name))),
      ['0', '0'],
    );
    deleteLink(here.route, 'httc');
    deleteLink(here.route, 'htte');
  });

  it('a list that takes more than one datagram is whole', () => {
    const names = Array.from({ length: 40 }, (_, i) => `htt${i}`);
    for (const name of names) createVeth(here.route, name, name, { fd: there.fd });
    assert.deepEqual(linkNames(here.route), ['lo', ...names]);
    for (const name of names) deleteLink(here.route, name);
  });

  it('a socket that was disposed of says so', () => {
    const socket = here.netfilter();
    socket[Symbol.dispose]();
    socket[Symbol.dispose]();
    assert.throws(() => socket.request('ask', { type: 16, payload: Buffer.alloc(4) }), { code: 'EBADF' });
  });

  it("all of it works for root in a user namespace of its own, and only in what is that namespace's", (t) => {
    const unshare = ['--user', '--map-root-user', '--net', process.execPath, ROOTLESS];
    const { status, stdout, error } = spawnSync('unshare', unshare, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit', here.fd],
    });
    const failure: NodeJS.ErrnoException | undefined = error;
    if (failure?.code === 'ENOENT') return t.skip('unshare(1) is not installed');
    if (status !== 0 && spawnSync('unshare', ['--user', 'true']).status !== 0) {
      return t.skip('no user namespaces can be made here, as in a chroot');
    }
    assert.equal(status, 0);
    assert.deepEqual(JSON.parse(stdout), { links: ['lo', 'eth0'], tableDeleted: true, foreign: 'EPERM' });
  });
});

/** IPv6's own MTU of a link follows the link's. */
function mtu(namespace: TestNamespace, link: string): number {
  return namespace.within(() => Number(readFileSync(`/proc/sys/net/ipv6/conf/${link}/mtu`, 'latin1')));
}

function forwarding(name: string): string {
  return readFileSync(`/proc/sys/net/ipv4/conf/${name}/forwarding`, 'latin1').trim();
}
