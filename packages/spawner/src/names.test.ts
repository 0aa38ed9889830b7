import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { test } from 'node:test';
import * as names from './names.ts';

const INDICES = Array.from({ length: names.MAX_INSTANCES }, (_, index) => index);
const INSTALLATION = names.installationId('/var/lib/hearth');

function number(address: string): number {
  return address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
}

test('instances have users of their own, which are none of the machine', () => {
  const LARGEST_UID = 2 ** 32 - 2;
  for (const [i, uid] of INDICES.map(names.instanceUid).entries()) {
    assert.equal(uid, names.instanceUid(0) + i * 65_536);
    // Ordinary users, systemd's dynamic ones and the sub-users that distributions hand out are all below.
    assert.ok(uid > 1_878_982_656 && uid + names.UIDS_PER_INSTANCE <= LARGEST_UID);
  }
  assert.equal(names.UIDS_PER_INSTANCE, 65_536);
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
