import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionsThatFit } from './open-files.ts';

const limits = (files: string) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             96000                96000                processes
Max open files            ${files.padEnd(20)} 1048576              files
`;

test('connections take half of the descriptors at most', () => {
  assert.equal(connectionsThatFit(8000, limits('1048576')), 8000);
  assert.equal(connectionsThatFit(8000, limits('4096')), 2048);
  assert.equal(connectionsThatFit(8000, limits('unlimited')), 8000);
  assert.ok(connectionsThatFit(8000) > 0);
});
