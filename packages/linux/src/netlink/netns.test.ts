import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { linkNames, NetlinkSocket, newNetns, withNetns } from './index.ts';
import { lacksPrivilege } from './testing/namespace.ts';

function current(): string {
  return readlinkSync('/proc/thread-self/ns/net');
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('network namespaces', { skip: lacksPrivilege() }, () => {
  it('are new and empty, and the thread stays in its own', () => {
    const home = current();
    const fd = newNetns();
    try {
      assert.equal(current(), home);
      assert.notEqual(withNetns(fd, current), home);
      using socket = withNetns(fd, () => NetlinkSocket.route());
      assert.deepEqual(linkNames(socket), ['lo']);
    } finally {
      closeSync(fd);
    }
  });

  it('can be entered within another, and are left however the work ends', () => {
    const home = current();
    const [outer, inner] = [newNetns(), newNetns()];
    try {
      withNetns(outer, () => {
        const there = current();
        assert.throws(
          () =>
            withNetns(inner, () => {
              assert.notEqual(current(), there);
              throw new Error('from within');
            }),
          /from within/,
        );
        assert.equal(current(), there);
      });
      assert.equal(current(), home);
    } finally {
      closeSync(outer);
      closeSync(inner);
    }
  });

  it('are where processes are that were started within', () => {
    const fd = newNetns();
    try {
      const child = withNetns(fd, () => spawnSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }));
      assert.equal(child.stdout.trim(), withNetns(fd, current));
    } finally {
      closeSync(fd);
    }
  });

  it('refuse work that would go on after they are left', () => {
    const fd = newNetns();
    try {
      const home = current();
      assert.throws(() => withNetns(fd, () => Promise.resolve()), TypeError);
      assert.equal(current(), home);
    } finally {
      closeSync(fd);
    }
  });

  it('leave no descriptor but the one returned', () => {
    const before = descriptors();
    const fd = newNetns();
    assert.equal(descriptors(), before + 1);
    withNetns(fd, current);
    assert.equal(descriptors(), before + 1);
    closeSync(fd);
    assert.throws(() => withNetns(fd, current), { code: 'EBADF' });
    assert.equal(descriptors(), before);
  });
});
