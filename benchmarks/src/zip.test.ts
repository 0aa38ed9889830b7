import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { zipOneFile } from './zip.ts';

test('another program unpacks the zip file to the same bytes', (t) => {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'hearth-bench-'));
  const file = join(directory.path, 'code.zip');
  const content = "export const handler = async () => 'größer';\n";
  writeFileSync(file, zipOneFile('index.mjs', content));
  const program = 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read("index.mjs"))';
  try {
    assert.equal(execFileSync('python3', ['-c', program, file], { encoding: 'utf8' }), content);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    t.skip('python3 is not installed');
  }
});
