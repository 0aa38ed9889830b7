import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSettings, SettingsError } from './settings.ts';

const OPTIONS = { port: 0, host: '127.0.0.1', auth: 'dev' } as const;
/** Their defaults are the machine's, which the page says in words. */
const OF_THE_MACHINE = new Set(['pollMs', 'instanceMemoryMb', 'instanceSizesMb', 'maxMemoryMb', 'instanceCpus']);

/** Settings as a file with this text gives them. */
function fromFile(text: string, environment: NodeJS.ProcessEnv = {}, instances?: number) {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-settings-'));
  try {
    const config = join(directory, 'config.json');
    writeFileSync(config, text);
    return readSettings({ ...OPTIONS, config, instances }, environment);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('docs/reference/configuration.md lists each setting with its default', () => {
  const page = readFileSync(new URL('../../../docs/reference/configuration.md', import.meta.url), 'utf8');
  const section = /^## The settings file$(.*?)^## /ms.exec(page)?.[1] ?? '';
  const rows = new Map(
    Array.from(section.matchAll(/^\| `(\w+)` +\| (.+?) +\|/gm), ([, name, value]) => [name!, value!]),
  );
  const settings = readSettings(OPTIONS, {});
  assert.deepEqual([...rows.keys()], Object.keys(settings));
  for (const [name, value] of Object.entries(settings)) {
    if (!OF_THE_MACHINE.has(name)) assert.equal(rows.get(name), String(value), name);
  }
});

test('a flag wins over the environment, and both over the file', () => {
  const text = '{"instances": 7, "spares": 8, "slots": 9}';
  const environment = { HEARTH_SPARES: '3' };
  const { instances, spares, slots } = fromFile(text, environment, 5);
  assert.deepEqual({ instances, spares, slots }, { instances: 5, spares: 3, slots: 9 });
});

test('what cannot be used is refused by name, with the cure', () => {
  const cases = [
    ['{"instances": -1}', /instances is -1/],
    ['{"instances": "2"}', /instances is 2/],
    ['{"runtimes": "nodejs22.x"}', /runtimes is "nodejs22.x"/],
    ['{"runtimes": ["nodejs20.x"]}', /runtimes is \["nodejs20.x"\]/],
    ['{"instanceCpus": 0}', /instanceCpus is 0/],
    ['{"instanceSizesMb": [64]}', /instanceSizesMb is \[64\]/],
    ['{"refill": 0}', /refill is 0/],
    ['{"spare": 4}', /unknown setting spare/],
    ['{"sandboxIdleMs": 10, "instanceIdleMs": 10}', /instanceIdleMs is not more/],
    ['{"keepAlive": "for ever"}', /keepAlive is "for ever"/],
    ['[]', /holds no JSON object/],
    ['{', /can't be read/],
  ] as const;
  for (const [text, message] of cases) {
    const refused = (error: unknown) =>
      error instanceof SettingsError && message.test(error.message) && error.hint.length > 0;
    assert.throws(() => fromFile(text), refused, text);
  }
});
