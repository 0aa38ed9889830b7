import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCycle, judge, placeOf, readDrawing, readImports } from './architecture.ts';

const drawing = readDrawing(
  '# A\n\n```imports\nagent -> protocol, linux\nserver -> protocol\nserver/api -> server/auth\n```\n',
);

function complaints(file: string, source: string): (string | undefined)[] {
  return readImports(file, source).map((imported) => judge(imported, drawing));
}

test('imports along an arrow pass, whatever form they have', () => {
  // Put in below, so that the check doesn't take the line for an import of this file.
  const keyword = 'import';
  const source = [
    "import { encodeFrame } from '@hearth/protocol';",
    "import type {\n  Frame,\n} from '@hearth/protocol';",
    "export * from '../auth/identity.ts';",
    `const later = await ${keyword}('../auth/dev.ts');`,
    "import { test } from 'node:test';",
  ].join('\n');
  assert.deepEqual(complaints('packages/server/src/api/x.ts', source), [undefined, undefined, undefined, undefined]);
});

test('an import against the drawing is named with its file, line and arrow', () => {
  assert.deepEqual(complaints('packages/server/src/auth/dev.ts', "// why\nimport { Api } from '../api/api.ts';"), [
    'packages/server/src/auth/dev.ts:2: the drawing has no arrow server/auth -> server/api',
  ]);
  assert.deepEqual(complaints('packages/server/src/api/x.ts', "import { fork } from '@hearth/linux';"), [
    'packages/server/src/api/x.ts:1: the drawing has no arrow server/api -> linux',
  ]);
  assert.deepEqual(complaints('packages/agent/src/x.ts', "export {\n  a,\n} from '@hearth/server';"), [
    'packages/agent/src/x.ts:1: the drawing has no arrow agent -> server',
  ]);
});

test('no path leads from one package into another, not even in a test', () => {
  const [complaint] = complaints('packages/agent/src/x.test.ts', "import { a } from '../../protocol/src/frames.ts';");
  assert.match(complaint ?? '', /reaches into packages\/protocol by a path/);
});

test('a test may look into another room of its package', () => {
  assert.deepEqual(complaints('packages/server/src/auth/a.test.ts', "import { Api } from '../api/api.ts';"), [
    undefined,
  ]);
  assert.deepEqual(complaints('packages/server/src/auth/testing/a.ts', "import { Api } from '../api/api.ts';"), [
    undefined,
  ]);
});

test('an unknown package of the workspace is refused rather than ignored', () => {
  assert.match(complaints('packages/agent/src/x.ts', "import '@hearth/nothing';")[0] ?? '', /no package/);
});

test('files belong to a package, a runtime or a room', () => {
  assert.equal(placeOf('packages/server/src/api/operations/a.ts'), 'server/api');
  assert.equal(placeOf('packages/server/src/main.ts'), 'server/main');
  assert.equal(placeOf('packages/server/src/settings.ts'), 'server/main');
  assert.equal(placeOf('packages/runtimes/node/src/a.ts'), 'runtimes/node');
  assert.equal(placeOf('scripts/check.ts'), 'scripts');
});

test('a circle of arrows is found, and a diamond is none', () => {
  const circle = readDrawing('```imports\na -> b\nb -> c\nc -> a\n```');
  assert.deepEqual(findCycle(circle), ['a', 'b', 'c', 'a']);
  assert.equal(findCycle(readDrawing('```imports\na -> b, c\nb -> d\nc -> d\n```')), undefined);
});

test('a drawing that can not be read is an error, not an empty drawing', () => {
  assert.throws(() => readDrawing('# nothing'), /no block/);
  assert.throws(() => readDrawing('```imports\na => b\n```'), /not of the form/);
});
