import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS } from '@hearth/protocol';
import { CONSTRAINTS, wholePattern } from './constraints.ts';
import { HANDLERS } from './operations/index.ts';
import { MODELLED_ERRORS, OPERATIONS, STRUCTURES } from './model.ts';
import type { Shape } from './model.ts';
import { route } from './router.ts';

test('all 88 operations are there, and each is found by its own method and path', () => {
  assert.equal(OPERATIONS.size, 88);
  for (const operation of OPERATIONS.values()) {
    const path = `/${operation.segments.map((part) => (part.startsWith('{') ? 'a%3Ab' : part)).join('/')}`;
    for (const form of [path, `${path}/`]) {
      const found = route(operation.method, form, new URLSearchParams([...operation.query]));
      assert.equal(found?.operation.name, operation.name);
      const labels = [...operation.input.members.values()].filter(({ location }) => location === 'label');
      assert.deepEqual([...found.labels.keys()].sort(), labels.map(({ name }) => name).sort(), operation.name);
      for (const value of found.labels.values()) assert.equal(value, 'a:b');
    }
  }
});

const find = (path: string, query: string) => route('GET', path, new URLSearchParams(query))?.operation.name;

test('operations that differ by their query only are told apart', () => {
  assert.equal(find('/2018-10-31/layers', ''), 'ListLayers');
  assert.equal(find('/2018-10-31/layers', 'find=LayerVersion&Arn=x'), 'GetLayerVersionByArn');
});

test('every operation that is built exists', () => {
  for (const name of HANDLERS.keys()) assert.ok(OPERATIONS.has(name), name);
});

/** Kinds of the two models that mean the same. */
const SAME: Readonly<Record<Shape['kind'], readonly string[]>> = {
  string: ['string'],
  boolean: ['boolean'],
  number: ['integer', 'long', 'double', 'float'],
  timestamp: ['timestamp'],
  blob: ['blob'],
  document: ['structure'],
  list: ['list'],
  map: ['map'],
  structure: ['structure'],
};

test('the table of constraints has the members of the SDK’s structures and no others, of the same kinds', () => {
  const differences: string[] = [];
  for (const [name, structure] of STRUCTURES) {
    const table = CONSTRAINTS.get(name);
    if (table?.members === undefined && structure.members.size > 0) differences.push(`${name} is not in the table`);
    for (const [member, { shape }] of structure.members) {
      const other = CONSTRAINTS.get(table?.members?.[member] ?? '');
      if (other === undefined) differences.push(`${name}.${member} is not in the table`);
      else if (!SAME[shape.kind].includes(other.type))
        differences.push(`${name}.${member}: ${shape.kind}, ${other.type}`);
    }
    for (const member of Object.keys(table?.members ?? {})) {
      if (!structure.members.has(member)) differences.push(`${name}.${member} is not in the SDK`);
    }
  }
  for (const [name, { type }] of CONSTRAINTS) {
    if (type === 'structure' && !STRUCTURES.has(name)) differences.push(`${name} is not in the SDK`);
  }
  assert.deepEqual(differences.sort(), DIFFERENCES);
});

/** What the two are known to differ in, and why it does no harm. */
const DIFFERENCES: string[] = [];

test('every operation’s input is in the table', () => {
  for (const { input, name } of OPERATIONS.values()) {
    if (input.members.size > 0) assert.ok(CONSTRAINTS.get(input.name)?.members, `${name}: ${input.name}`);
  }
});

test('every pattern of the table is a regular expression', () => {
  for (const [name, { pattern }] of CONSTRAINTS) {
    if (pattern !== undefined) assert.doesNotThrow(() => wholePattern(pattern), name);
  }
  assert.ok(wholePattern(CONSTRAINTS.get('TagKey')!.pattern!).test('équipe:a-b'));
  assert.ok(!wholePattern(CONSTRAINTS.get('TagKey')!.pattern!).test('a\u0000b'));
});

test('errors that the model has are answered with the model’s status', () => {
  for (const [code, { status }] of Object.entries(ERRORS)) {
    const modelled = MODELLED_ERRORS.get(code);
    if (modelled !== undefined) assert.equal(status, modelled.status, code);
  }
});
