import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KeyRing, MasterKeyError } from './key-ring.ts';
import { MasterKey } from './master-key.ts';

function newDirectory(): Disposable & { path: string; file: string } {
  const path = fs.mkdtempSync(join(tmpdir(), 'hearth-master-'));
  return { path, file: join(path, 'master.key'), [Symbol.dispose]: () => fs.rmSync(path, { recursive: true }) };
}

/** With a hint that matches. */
function refused(hint: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof MasterKeyError && hint.test(error.hint);
}

const hex = () => randomBytes(32).toString('hex');

test('a key is made at the first start, for its owner alone, and is the same at the next', () => {
  using data = newDirectory();
  const sealed = MasterKey.open(data.path, {}).ring.seal('text', 'here');
  assert.equal(fs.statSync(data.file).mode & 0o777, 0o600);
  const again = MasterKey.open(data.path, {});
  assert.equal(again.ring.open(sealed, 'here'), 'text');
  assert.notEqual(again.ring.seal('text', 'here'), sealed);
  assert.throws(() => again.ring.open(sealed, 'there'), /damaged or belongs to something else/);
});

test('a key that is lost is not replaced, and another one is refused', () => {
  using data = newDirectory();
  MasterKey.open(data.path, {}).settle();
  const kept = fs.readFileSync(data.file);
  fs.rmSync(data.file);
  assert.throws(() => MasterKey.open(data.path, {}), refused(/backup/));
  assert.equal(fs.existsSync(data.file), false);
  fs.writeFileSync(data.file, `${hex()}\n`, { mode: 0o600 });
  assert.throws(() => MasterKey.open(data.path, {}), refused(/Give the right one/));
  fs.writeFileSync(data.file, kept, { mode: 0o600 });
  MasterKey.open(data.path, {});
});

test('a key that others may read, or that is none, is refused with the cure', () => {
  using data = newDirectory();
  MasterKey.open(data.path, {});
  fs.chmodSync(data.file, 0o644);
  assert.throws(() => MasterKey.open(data.path, {}), refused(/chmod 600/));
  fs.chmodSync(data.file, 0o600);
  fs.writeFileSync(data.file, 'secret\n');
  assert.throws(() => MasterKey.open(data.path, {}), refused(/64 hexadecimal digits/));
  assert.throws(
    () => MasterKey.open(data.path, { HEARTH_MASTER_KEY_FILE: join(data.path, 'none') }),
    refused(/HEARTH_MASTER_KEY_FILE/),
  );
});

test('a key may be given by a file or a variable, which no child process inherits', () => {
  using data = newDirectory();
  const key = hex();
  const environment: NodeJS.ProcessEnv = { HEARTH_MASTER_KEY: key };
  const sealed = MasterKey.open(data.path, environment).ring.seal('text', 'here');
  assert.equal(environment['HEARTH_MASTER_KEY'], undefined);
  assert.equal(fs.existsSync(data.file), false);
  const file = join(data.path, 'given');
  fs.writeFileSync(file, `# comment\n${key}\n`, { mode: 0o600 });
  const given = MasterKey.open(data.path, { HEARTH_MASTER_KEY_FILE: file });
  assert.equal(given.ring.open(sealed, 'here'), 'text');
  assert.throws(() => given.rotate(), refused(/before the old one/));
});

test('of several given keys the first seals and all open', () => {
  using data = newDirectory();
  const [old, next] = [hex(), hex()];
  const first = MasterKey.open(data.path, { HEARTH_MASTER_KEY: old });
  first.settle();
  const sealed = first.ring.seal('text', 'here');
  assert.throws(() => MasterKey.open(data.path, { HEARTH_MASTER_KEY: next }), refused(/or both/));
  const both = MasterKey.open(data.path, { HEARTH_MASTER_KEY: `${next},${old}` });
  assert.equal(both.ring.open(sealed, 'here'), 'text');
  assert.equal(both.ring.isCurrent(sealed), false);
  both.settle();
  MasterKey.open(data.path, { HEARTH_MASTER_KEY: next });
});

test('a rotation that is cut off anywhere leaves a file that opens all', () => {
  using data = newDirectory();
  const key = MasterKey.open(data.path, {});
  key.settle();
  const before = key.ring.seal('before', 'here');
  key.rotate();
  const after = key.ring.seal('after', 'here');
  // The server dies here, with nothing sealed anew.
  const restarted = MasterKey.open(data.path, {});
  assert.equal(restarted.ring.open(before, 'here'), 'before');
  assert.equal(restarted.ring.open(after, 'here'), 'after');
  assert.equal(fs.statSync(data.file).mode & 0o777, 0o600);
  restarted.settle();
  const settled = MasterKey.open(data.path, {});
  assert.equal(settled.ring.open(after, 'here'), 'after');
  assert.throws(() => settled.ring.open(before, 'here'), refused(/backup/));
});

test('keys for other purposes follow from the master key, and differ', () => {
  const [old, next] = [randomBytes(32), randomBytes(32)];
  const ring = new KeyRing([next, old]);
  assert.deepEqual(ring.derive('sessions'), [
    ...new KeyRing([next]).derive('sessions'),
    ...new KeyRing([old]).derive('sessions'),
  ]);
  assert.notDeepEqual(ring.derive('sessions'), ring.derive('other'));
});
