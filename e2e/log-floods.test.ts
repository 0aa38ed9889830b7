/** A gigabyte of output, and less on every other way there is: the files stay bounded, the server's memory too, and others keep their logs. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Hearth } from './testing/hearth.ts';

const MB = 1024 * 1024;
/** What a log group's files may take (packages/server/src/telemetry), and the block that is being written. */
const GROUP_MB = 64 + 16;
/** What the server may need for the logs in its memory, and a heap that grows with work. */
const GROWTH_MB = 200;
const PATIENCE_MS = 10_000;

const FLOODS: Record<string, { body: string; megabytes: number }> = {
  'console.log': {
    megabytes: 256,
    body: `const line = 'x'.repeat(65_535); for (let i = 0; i < 4096; i++) console.log(line);`,
  },
  'process.stdout.write': {
    megabytes: 128,
    body: `const piece = 'y'.repeat(65_535) + '\\n'; for (let i = 0; i < 2048; i++) process.stdout.write(piece);`,
  },
  'fs.writeSync': {
    megabytes: 1024,
    body: `
      const piece = Buffer.alloc(65_536, 'z\\n');
      for (let i = 0; i < 16_384; i++) {
        for (let sent = 0; sent < piece.length; ) {
          try { sent += fs.writeSync(1, piece, sent); } catch (error) { if (error.code !== 'EAGAIN') throw error; }
        }
      }`,
  },
  'a child process': {
    megabytes: 128,
    body: `execFileSync('sh', ['-c', 'yes a line of a child | head -c 134217728'], { stdio: ['ignore', 'inherit', 'inherit'] });`,
  },
  'empty lines': {
    megabytes: 64,
    body: `const piece = '\\n'.repeat(65_536); for (let i = 0; i < 1024; i++) process.stdout.write(piece);`,
  },
};

describe('a flood of output', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start();
    const speaker = `export const handler = async (event) => { console.log('said', event.n); return event; };`;
    await hearth.create('bystander', speaker);
    await hearth.create('quiet', speaker);
    await hearth.invoke('quiet', { n: 'before' });
    for (const [what, { body }] of Object.entries(FLOODS)) {
      const code = `
        import { execFileSync } from 'node:child_process';
        import fs from 'node:fs';
        export const handler = async (event) => { if (event.well) return 'well'; ${body} return 'done'; };`;
      await hearth.create(nameOf(what), code, { MemorySize: 1769, Timeout: 120 });
    }
  });

  after(() => hearth[Symbol.asyncDispose]());

  const nameOf = (what: string): string => what.replaceAll(/\W+/g, '-');

  for (const [what, { megabytes }] of Object.entries(FLOODS)) {
    it(`of ${megabytes} MB by ${what} is taken, bounded, and keeps nobody waiting`, async (test) => {
      const name = nameOf(what);
      const first = residentMb(hearth);
      const started = performance.now();
      const ended = new AbortController();
      const flood = hearth.invoke(name).finally(() => ended.abort());
      let slowest = 0;
      let most = first;
      for (let n = 0; !ended.signal.aborted; n++) {
        const asked = performance.now();
        assert.deepEqual((await hearth.invoke('bystander', { n })).payload, { n });
        slowest = Math.max(slowest, performance.now() - asked);
        most = Math.max(most, residentMb(hearth));
      }
      assert.equal((await flood).payload, 'done');
      test.diagnostic(
        `${Math.round(performance.now() - started)} ms, ${most - first} MB more, slowest bystander ${Math.round(slowest)} ms`,
      );
      assert.ok(slowest < PATIENCE_MS, `a bystander waited for ${slowest} ms`);
      assert.ok(most - first < GROWTH_MB, `the server grew from ${first} to ${most} MB`);
      assert.equal((await hearth.invoke(name, { well: true })).payload, 'well');
      const kept = directoryMb(join(hearth.dataDirectory, 'logs'), encodeURIComponent(`/aws/lambda/${name}`));
      assert.ok(kept > 0 && kept <= GROUP_MB, `${kept} MB of files`);
    });
  }

  it('costs others none of their logs', async () => {
    await hearth.invoke('quiet', { n: 'after' });
    for (const [name, lines] of [
      ['quiet', ['said before', 'said after']],
      ['bystander', ['said 0']],
    ] as const) {
      const text = await (await fetch(`${hearth.url}/_hearth/logs?function=${name}`)).text();
      for (const line of lines) assert.ok(text.includes(line), `${name}: no ${line}`);
      assert.doesNotMatch(text, /were dropped/);
    }
  });
});

function residentMb(hearth: Hearth): number {
  const [, pages = '0'] = fs.readFileSync(`/proc/${hearth.process.pid}/statm`, 'latin1').split(' ');
  return Math.round((Number(pages) * 4096) / MB);
}

/** Of all files below `root` in directories whose name holds `name`. */
function directoryMb(root: string, name: string): number {
  const files = fs.globSync('**/*.log', { cwd: root }).filter((path) => path.includes(name));
  return (
    files.reduce((sum, path) => sum + (fs.statSync(join(root, path), { throwIfNoEntry: false })?.size ?? 0), 0) / MB
  );
}
