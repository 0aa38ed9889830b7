import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runHearth } from './testing/run-hearth.ts';

test('docs/reference/configuration.md lists the flags of hearth up, as its help does', async () => {
  const page = readFileSync(new URL('../../../docs/reference/configuration.md', import.meta.url), 'utf8');
  const section = /^## Flags of `hearth up`$(.*?)^## /ms.exec(page)?.[1] ?? '';
  const documented = Array.from(section.matchAll(/^\| `(--[^`]+)`/gm), ([, flag]) => flag);
  const { stdout } = await runHearth(['up', '--help'], {});
  const offered = Array.from(stdout.matchAll(/^ {2}(--[\w-]+(?: <\w+>)?)/gm), ([, flag]) => flag);
  assert.ok(offered.length > 3, stdout);
  assert.deepEqual(new Set(documented), new Set(offered));
});
