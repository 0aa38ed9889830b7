import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, SERVICE_ERRORS } from '@hearth/protocol';
import type { ErrorEntry } from '@hearth/protocol';
import { HANDLERS as LAMBDA_HANDLERS } from '../lambda/operations/index.ts';
import { LAMBDA } from '../lambda/definition.ts';
import { HANDLERS as LOGS_HANDLERS } from '../logs/operations/index.ts';
import { Router } from '../protocols/rest-json/router.ts';
import { SERVICES } from '../services.ts';
import { HANDLERS as STS_HANDLERS } from '../sts/operations/index.ts';
import { wholePattern } from './constraints.ts';
import type { Shape } from './schema.ts';

const OPERATIONS = { lambda: 88, logs: 118, sts: 11 };
const HANDLERS = { lambda: LAMBDA_HANDLERS, logs: LOGS_HANDLERS, sts: STS_HANDLERS };

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

/** What the two models of a service are known to differ in, and why it does no harm. */
const DIFFERENCES: Readonly<Record<string, string[]>> = { lambda: [], logs: [], sts: [] };

for (const { name: service, model, constraints } of SERVICES) {
  test(`${service}: all operations are there, and those that are built are among them`, () => {
    assert.equal(model.operations.size, OPERATIONS[service as keyof typeof OPERATIONS]);
    for (const name of HANDLERS[service as keyof typeof HANDLERS].keys()) assert.ok(model.operations.has(name), name);
  });

  test(`${service}: the table of constraints has the members of the SDK’s structures and no others, of the same kinds`, () => {
    const differences: string[] = [];
    for (const [name, structure] of model.structures) {
      const table = constraints.get(name);
      if (table?.members === undefined && structure.members.size > 0) differences.push(`${name} is not in the table`);
      for (const [member, { shape }] of structure.members) {
        const other = constraints.get(table?.members?.[member] ?? '');
        if (other === undefined) {
          // Botocore leaves the text of an error out where no constraint holds for it.
          if (model.errors.get(name)?.messageMember !== member)
            differences.push(`${name}.${member} is not in the table`);
        } else if (!SAME[shape.kind].includes(other.type)) {
          differences.push(`${name}.${member}: ${shape.kind}, ${other.type}`);
        }
      }
      for (const member of Object.keys(table?.members ?? {})) {
        if (!structure.members.has(member)) differences.push(`${name}.${member} is not in the SDK`);
      }
    }
    for (const [name, { type }] of constraints) {
      if (type === 'structure' && !model.structures.has(name)) differences.push(`${name} is not in the SDK`);
    }
    assert.deepEqual(differences.sort(), DIFFERENCES[service]);
  });

  test(`${service}: every operation’s input is in the table`, () => {
    for (const { input, name } of model.operations.values()) {
      if (input.members.size > 0) assert.ok(constraints.get(input.name)?.members, `${name}: ${input.name}`);
    }
  });

  test(`${service}: every pattern of the table is a regular expression`, () => {
    for (const [name, { pattern }] of constraints) {
      if (pattern !== undefined) assert.doesNotThrow(() => wholePattern(pattern), name);
    }
  });

  test(`${service}: errors that the model has are answered with the model’s status`, () => {
    const own = (SERVICE_ERRORS as Record<string, Record<string, ErrorEntry>>)[service] ?? ERRORS;
    for (const [code, { status }] of Object.entries(own)) {
      const modelled = model.errors.get(code);
      if (modelled !== undefined) assert.equal(status, modelled.status, code);
    }
  });
}

test('patterns mean what they say', () => {
  const pattern = wholePattern(LAMBDA.constraints.get('TagKey')!.pattern!);
  assert.ok(pattern.test('équipe:a-b'));
  assert.ok(!pattern.test('a\u0000b'));
});

const router = new Router(LAMBDA.model.operations.values());

test('each of Lambda’s operations is found by its own method and path', () => {
  for (const operation of LAMBDA.model.operations.values()) {
    const { method, segments, query } = operation.http!;
    const path = `/${segments.map((part) => (part.startsWith('{') ? 'a%3Ab' : part)).join('/')}`;
    for (const form of [path, `${path}/`]) {
      const found = router.route(method, form, new URLSearchParams([...query]));
      assert.equal(found?.operation.name, operation.name);
      const labels = [...operation.input.members.values()].filter(({ location }) => location === 'label');
      assert.deepEqual([...found.labels.keys()].sort(), labels.map(({ name }) => name).sort(), operation.name);
      for (const value of found.labels.values()) assert.equal(value, 'a:b');
    }
  }
});

const find = (path: string, query: string) => router.route('GET', path, new URLSearchParams(query))?.operation.name;

test('operations that differ by their query only are told apart', () => {
  assert.equal(find('/2018-10-31/layers', ''), 'ListLayers');
  assert.equal(find('/2018-10-31/layers', 'find=LayerVersion&Arn=x'), 'GetLayerVersionByArn');
});
