import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { test } from 'node:test';
import * as names from './names.ts';

const INDICES = Array.from({ length: names.MAX_INSTANCES }, (_, index) => index);
const INSTALLATION = names.installationId('/var/lib/hearth');

function number(address: string): number {
  return address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
}

/** As /proc/self/uid_map has it. */
const WHOLE_MACHINE = '         0          0 4294967295\n';
const ORDINARY_USER = '         0       1000          1\n         1     100000      65536\n';

test('instances have users of their own, which are none of the machine', () => {
  const LARGEST_UID = 2 ** 32 - 2;
  const { first: lowest } = names.instanceUsers(0, WHOLE_MACHINE);
  for (const index of INDICES) {
    const { first, count } = names.instanceUsers(index, WHOLE_MACHINE);
    assert.deepEqual([first, count], [lowest + index * 65_536, 65_536]);
    // Ordinary users, systemd's dynamic ones and the sub-users that distributions hand out are all below.
    assert.ok(first > 1_878_982_656 && first + count <= LARGEST_UID);
  }
});

test('where an ordinary user has a few users, the instances divide them up, and say when there are no more', () => {
  const users = Array.from({ length: 12 }, (_, index) => names.instanceUsers(index, ORDINARY_USER));
  for (const [index, { first, count }] of users.entries()) {
    assert.equal(first, 1 + index * count);
    // The users that a sandbox can have: 1,000 and one for each of 4,096 slots.
    assert.ok(count >= 1000 + 4096 && first + count <= 65_537);
  }
  assert.throws(() => names.instanceUsers(12, ORDINARY_USER), /65537 users are mapped here, enough for 12 instances/);
  // What comes after a gap doesn't count: the user before it doesn't exist.
  assert.throws(() => names.instanceUsers(0, '0 1000 1\n2 100000 65536\n'), /1 users are mapped/);
});

test('instances have networks of their own, which fill the pool and do not leave it', () => {
  const first = number(names.ADDRESS_POOL.address);
  const size = 2 ** (32 - names.ADDRESS_POOL.prefix);
  const each = 2 ** (32 - names.INSTANCE_PREFIX);
  for (const index of INDICES) {
    const address = names.gatewayAddress(index);
    assert.ok(isIPv4(address), address);
    assert.equal(number(address), first + index * each + 1);
  }
  assert.equal(names.MAX_INSTANCES * each, size);
});

test('an installation is told by its data directory, for good', () => {
  assert.equal(INSTALLATION, '4b61f4');
  assert.notEqual(names.installationId('/var/lib/hearth2'), INSTALLATION);
});

test('what one installation makes is never taken for what another has made', () => {
  const other = names.installationId('/tmp/other');
  assert.notEqual(names.cgroupName(INSTALLATION), names.cgroupName(other));
  assert.notEqual(names.tableName(INSTALLATION), names.tableName(other));
  const all = [INSTALLATION, other].flatMap((one) => INDICES.map((index) => names.interfaceName(one, index)));
  assert.equal(new Set(all).size, all.length);
});

test("the names of interfaces are the kernel's length and begin with what the firewall looks for", () => {
  for (const index of INDICES) {
    const name = names.interfaceName(INSTALLATION, index);
    assert.ok(name.length <= 15, name);
    assert.match(name, /^hth[\da-z]+$/);
  }
});
