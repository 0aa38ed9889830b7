import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { drop, fromInterfaces, toNetwork } from './expressions.ts';
import { deleteTable } from './index.ts';
import { attribute, cString, nested } from './message.ts';
import { type Chain, replaceTable } from './table.ts';
import { lacksPrivilege, TestNamespace } from './testing/namespace.ts';

const CHAIN: Chain = {
  name: 'input',
  type: 'filter',
  hook: 'input',
  priority: 0,
  rules: [{ about: 'drop', expressions: [...fromInterfaces('htt'), ...drop()] }],
};
/** Of a kind that no kernel has. */
const UNKNOWN = nested(1, attribute(1, cString('hearth-no-such')));
const REFUSED: Chain = {
  ...CHAIN,
  rules: [...CHAIN.rules, { about: 'nonsense', expressions: [UNKNOWN] }, ...CHAIN.rules],
};

describe('nf_tables', { skip: lacksPrivilege() }, () => {
  let namespace: TestNamespace;
  before(() => {
    namespace = new TestNamespace();
  });
  after(() => namespace[Symbol.asyncDispose]());

  it('takes a batch whole or not at all, and says what it refused', () => {
    using socket = namespace.netfilter();
    const refusal = {
      name: 'NetlinkError',
      code: 'ENOENT',
      operation: 'replace table htt: chain input, rule nonsense',
    };
    assert.throws(() => replaceTable(socket, 'htt', [REFUSED]), refusal);
    assert.equal(deleteTable(socket, 'htt'), false, 'nothing was made');
    replaceTable(socket, 'htt', [CHAIN]);
    assert.throws(() => replaceTable(socket, 'htt', [REFUSED]), refusal);
    assert.equal(deleteTable(socket, 'htt'), true, 'the former table is still there');
  });

  it('takes a table of several hundred rules', () => {
    using socket = namespace.netfilter();
    const rules = Array.from({ length: 400 }, (_, i) => ({
      about: `drop network ${i}`,
      expressions: [...toNetwork({ address: `10.${i >> 8}.${i & 255}.0`, prefix: 24 }), ...drop()],
    }));
    replaceTable(socket, 'htt', [{ ...CHAIN, rules }]);
    assert.equal(deleteTable(socket, 'htt'), true);
  });
});
