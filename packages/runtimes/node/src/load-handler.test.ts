import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SandboxPeer, type PeerOptions } from './testing/sandbox-peer.ts';

const cjs = (value: string) => `exports.handler = async () => ${JSON.stringify(value)};`;
const esm = (value: string) => `export const handler = async () => ${JSON.stringify(value)};`;

describe('the handler', () => {
  const found: [string, PeerOptions, unknown][] = [
    ['in CommonJS', { files: { 'index.js': cjs('cjs') } }, 'cjs'],
    ['in .cjs', { files: { 'index.cjs': cjs('cjs') } }, 'cjs'],
    ['in an ES module', { files: { 'index.mjs': esm('esm') } }, 'esm'],
    ['in .js by its type field', { files: { 'index.js': esm('esm'), 'package.json': '{"type":"module"}' } }, 'esm'],
    ['in .js that looks like an ES module', { files: { 'index.js': esm('esm') } }, 'esm'],
    ['.js before .mjs', { files: { 'index.js': cjs('js'), 'index.mjs': esm('mjs') } }, 'js'],
    ['.mjs before .cjs', { files: { 'index.cjs': cjs('cjs'), 'index.mjs': esm('mjs') } }, 'mjs'],
    ['no extension before .js', { files: { index: cjs('bare'), 'index.js': cjs('js') } }, 'bare'],
    ['a file beside a folder of its name', { files: { 'index.js': cjs('js'), 'index/x.js': '' } }, 'js'],
    ['in a folder', { files: { 'src/app/main.mjs': esm('deep') }, handler: 'src/app/main.handler' }, 'deep'],
    ['in a folder with a dot', { files: { 'v1.2/main.mjs': esm('dot') }, handler: 'v1.2/main.handler' }, 'dot'],
    ['in a file with odd characters', { files: { 'a #b%20?.js': cjs('odd') }, handler: 'a #b%20?.handler' }, 'odd'],
    [
      'in nested exports',
      { files: { 'index.mjs': 'export const a = { b: { c: async () => 1 } };' }, handler: 'index.a.b.c' },
      1,
    ],
    [
      'in module.exports that the lexer cannot name',
      { files: { 'index.js': 'const k = "handler"; module.exports = { [k]: async () => 2 };' } },
      2,
    ],
    ['in a default export', { files: { 'index.mjs': 'export default { handler: async () => 3 };' } }, 3],
    ['named default', { files: { 'index.mjs': 'export default async () => 4;' }, handler: 'index.default' }, 4],
    [
      'after top-level await',
      { files: { 'index.mjs': 'const n = await Promise.resolve(5); export const handler = async () => n;' } },
      5,
    ],
    ['in a package', { files: { 'node_modules/pkg/index.js': cjs('pkg') }, handler: 'pkg.handler' }, 'pkg'],
  ];
  for (const [name, options, value] of found) {
    test(`is found ${name}`, async () => {
      await using peer = await SandboxPeer.ready(options);
      assert.deepEqual(await peer.json(), value);
    });
  }

  test('keeps what its module set up at init', async () => {
    await using peer = await SandboxPeer.ready({
      files: { 'index.mjs': 'let n = 0; export const handler = async () => ++n;' },
    });
    assert.equal(await peer.json(), 1);
    assert.equal(await peer.json(), 2);
  });
});

describe('modules', () => {
  const layer = {
    'layer/node_modules/dual/package.json': '{"name":"dual","exports":{"import":"./i.mjs","require":"./r.cjs"}}',
    'layer/node_modules/dual/i.mjs': 'export default "import";',
    'layer/node_modules/dual/r.cjs': 'module.exports = "require";',
    'layer/node_modules/dual/sub.js': '',
  };
  const inLayer = async (files: Record<string, string>) => {
    // The task root is known once it is made, hence the link from a folder known before.
    const { mkdtempSync, rmSync, writeFileSync, mkdirSync } = await import('node:fs');
    const { dirname, join } = await import('node:path');
    const root = mkdtempSync('/tmp/hearth-layer-');
    for (const [path, text] of Object.entries(layer)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    try {
      await using peer = await SandboxPeer.start({ files, environment: { NODE_PATH: `${root}/layer/node_modules` } });
      const init = await peer.init();
      return init?.error ?? (await peer.json());
    } finally {
      rmSync(root, { recursive: true });
    }
  };

  test('of a layer can be required', async () => {
    assert.equal(
      await inLayer({ 'index.js': 'const v = require("dual"); exports.handler = async () => v;' }),
      'require',
    );
  });

  test('of a layer can be imported, which plain Node does not do', async () => {
    assert.equal(
      await inLayer({ 'index.mjs': 'import v from "dual"; export const handler = async () => v;' }),
      'import',
    );
  });

  test("of the function come before a layer's", async () => {
    const own = {
      'node_modules/dual/package.json': '{"main":"x.js"}',
      'node_modules/dual/x.js': 'module.exports = "own";',
    };
    assert.equal(
      await inLayer({ ...own, 'index.mjs': 'import v from "dual"; export const handler = async () => v;' }),
      'own',
    );
  });

  test('that are nowhere are missed where they are imported', async () => {
    const error = (await inLayer({ 'index.mjs': 'import "nowhere";' })) as { errorMessage: string };
    assert.match(error.errorMessage, /Cannot find package 'nowhere' imported from .*task\/index\.mjs/);
  });
});
