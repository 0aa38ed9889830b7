import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guessExport, guessHandler, hasHandler } from './handler.ts';

function packageOf(files: Record<string, string>): Parameters<typeof guessHandler>[0] {
  return { names: Object.keys(files), read: async (name) => files[name] ?? '' };
}

const main = (value: string) => JSON.stringify({ main: value });

test('exported names are seen in every way that people write them', () => {
  for (const [source, name] of [
    ['export const handler = async () => {}', 'handler'],
    ['exports.handler = async () => {}', 'handler'],
    ['module.exports.run = () => {}', 'run'],
    ['module.exports = { first, handler };', 'handler'],
    ['const a = 1;\nexport { a as greet };', 'greet'],
    ['export async function* stream() {}', 'stream'],
    ['export const a = 1;\nexport const handler = () => {};', 'handler'],
    ['var src_exports = {};\nmodule.exports = __toCommonJS(src_exports);', 'handler'],
    ['export default () => {}', 'handler'],
  ] as const) {
    assert.equal(guessExport(source), name, source);
  }
});

test('the entry is the one of package.json, else a usual name, else the only script', async () => {
  const code = 'exports.handler = () => {}';
  assert.equal(
    await guessHandler(packageOf({ 'package.json': main('./src/go.js'), 'src/go.js': code })),
    'src/go.handler',
  );
  assert.equal(
    await guessHandler(packageOf({ 'package.json': main('lib'), 'lib/index.js': code })),
    'lib/index.handler',
  );
  assert.equal(await guessHandler(packageOf({ 'package.json': main('gone.js'), 'app.cjs': code })), 'app.handler');
  assert.equal(await guessHandler(packageOf({ 'package.json': 'not json', 'index.mjs': code })), 'index.handler');
  assert.equal(await guessHandler(packageOf({ 'only.js': code, 'lib/x.js': code })), 'only.handler');
  assert.equal(await guessHandler(packageOf({ 'one.js': code, 'two.js': code })), undefined);
  assert.equal(await guessHandler(packageOf({ 'readme.md': '' })), undefined);
});

test('a handler is in the package if its module is', () => {
  const files = packageOf({ 'src/app.mjs': '', 'index.js': '' });
  assert.ok(hasHandler(files, 'src/app.handler'));
  assert.ok(hasHandler(files, 'index.a.b'));
  assert.ok(!hasHandler(files, 'app.handler'));
});
