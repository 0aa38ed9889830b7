import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OperatorToken } from './operator-token.ts';

const request = (authorization?: string) => ({ headers: { authorization } }) as never;

test('a token is made at the first start, for its owner alone, and stays', () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'hearth-token-'));
  const file = join(directory, 'operator.token');
  try {
    OperatorToken.open(file, {});
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    const token = fs.readFileSync(file, 'utf8').trim();
    assert.equal(token.length, 43);
    const again = OperatorToken.open(file, {});
    again.check(request(`Bearer ${token}`));
    for (const wrong of [
      undefined,
      '',
      'Bearer',
      `Bearer ${token}x`,
      `Bearer ${token.slice(1)}`,
      `Basic ${token}`,
      token,
    ]) {
      assert.throws(() => again.check(request(wrong)), { code: 'AccessDeniedException', message: new RegExp(file) });
    }
    const given = OperatorToken.open(file, { HEARTH_OPERATOR_TOKEN: 'x'.repeat(22) });
    given.check(request(`bearer ${'x'.repeat(22)}`));
    assert.throws(() => given.check(request(`Bearer ${token}`)), { code: 'AccessDeniedException' });
    assert.throws(() => OperatorToken.open(file, { HEARTH_OPERATOR_TOKEN: 'short' }), { hint: /22 random characters/ });
    fs.writeFileSync(file, 'short\n');
    assert.throws(() => OperatorToken.open(file, {}), { hint: /22 random characters/ });
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});
