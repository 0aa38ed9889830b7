import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findNpm, networkSettings, networkVariables } from './npm.ts';

const directory = mkdtempSync(join(tmpdir(), 'hearth-npm-'));
after(() => rmSync(directory, { recursive: true }));

/** A directory of programs that holds `npm` as a link to a script, as installers make it, or as a program of its own. */
function programs(name: string, kind: 'script' | 'program'): string {
  const bin = join(directory, name, 'bin');
  const script = join(directory, name, 'lib/node_modules/npm/bin/npm-cli.js');
  mkdirSync(bin, { recursive: true });
  mkdirSync(join(script, '..'), { recursive: true });
  writeFileSync(script, '');
  if (kind === 'script') symlinkSync(script, join(bin, 'npm'));
  else writeFileSync(join(bin, 'npm'), '#!/bin/sh\n', { mode: 0o755 });
  return bin;
}

test('npm is found on PATH, and its script is run by the given Node', () => {
  const bin = programs('linked', 'script');
  assert.deepEqual(findNpm({ PATH: `/nowhere:relative:${bin}` }, '/opt/x/node'), {
    command: '/opt/x/node',
    args: [join(directory, 'linked/lib/node_modules/npm/bin/npm-cli.js')],
  });
});

test('a program of another kind is run as it is, and one that may not be run is passed over', () => {
  const bin = programs('shim', 'program');
  assert.deepEqual(findNpm({ PATH: bin }, '/opt/x/node'), { command: join(bin, 'npm'), args: [] });
  chmodSync(join(bin, 'npm'), 0o644);
  assert.notEqual(findNpm({ PATH: bin }, '/opt/x/node')?.command, join(bin, 'npm'));
});

test('what npm is told of itself comes first, but not a package manager that resembles it', () => {
  const bin = programs('second', 'script');
  const script = join(directory, 'linked/lib/node_modules/npm/bin/npm-cli.js');
  assert.deepEqual(findNpm({ PATH: bin, npm_execpath: script }, 'node')?.args, [script]);
  const other = join(directory, 'yarn.js');
  writeFileSync(other, '', { mode: 0o755 });
  assert.match(findNpm({ PATH: bin, npm_execpath: other }, 'node')?.args[0] ?? '', /second/);
});

test('of a person npm learns how the registry is reached, and nothing that proves who they are', () => {
  writeFileSync(
    join(directory, '.npmrc'),
    [
      'registry=http://r.test/',
      '//r.test/:_authToken=secret',
      '_auth=secret',
      'email=a@b.c',
      'proxy = http://p',
      '',
    ].join('\n'),
  );
  assert.equal(networkSettings(directory), 'registry=http://r.test/\nproxy = http://p');
  assert.equal(networkSettings(join(directory, 'nobody')), '');
  const environment = { HTTPS_PROXY: 'p', npm_config_registry: 'r', npm_config__auth: 's', AWS_SECRET_ACCESS_KEY: 's' };
  assert.deepEqual(networkVariables(environment), { HTTPS_PROXY: 'p', npm_config_registry: 'r' });
});

test('a machine without npm has none', () => {
  assert.equal(findNpm({ PATH: '/nowhere' }, '/opt/x/node', []), undefined);
});
