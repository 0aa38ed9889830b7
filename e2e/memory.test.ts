/**
 * MemorySize is what a function may use: one that makes garbage is collected, one that is near its limit lives, one that
 * really needs more is ended and reported, whatever it is that fills the memory. On every start path.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
 * https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Answer, Hearth } from './testing/hearth.ts';

/** The whole matrix takes minutes, and so does garbage that is made for minutes: by hand, now and then. */
const THOROUGH = process.env['HEARTH_TEST_THOROUGH'] === '1';
const GARBAGE_SECONDS = THOROUGH ? 300 : 15;
const SIZES = [128, 256, 512, 1024, 3008];

const FILLERS: Record<string, string> = {
  heap: 'const all = []; for (;;) all.push(new Array(1000).fill({ all }));',
  buffers: 'const all = []; for (;;) all.push(Buffer.alloc(4 * 1024 * 1024, 1));',
  WebAssembly: `
    const all = [];
    for (;;) {
      const memory = new WebAssembly.Memory({ initial: 64, maximum: 64 });
      new Uint8Array(memory.buffer).fill(1);
      all.push(memory);
    }`,
  threads: `
    const { Worker } = await import('node:worker_threads');
    const code = 'const all = []; for (;;) all.push(new Array(1000).fill({ all }));';
    const started = () => new Promise((resolve) => new Worker(code, { eval: true }).on('error', resolve).on('exit', resolve));
    for (;;) await Promise.all([started(), started()]);`,
  children: `
    const { spawn } = await import('node:child_process');
    const code = 'const all = []; for (;;) all.push(Buffer.alloc(4 * 1024 * 1024, 1));';
    return new Promise((resolve) => spawn(process.execPath, ['-e', code]).on('exit', (status, signal) => resolve(signal)));`,
};

/** Which size is tried with what in an ordinary run. */
const CHOSEN: Record<string, readonly number[]> = {
  heap: [128, 1024],
  buffers: [128, 3008],
  WebAssembly: [256],
  threads: [512],
  children: [256, 1024],
};

/** What makes Node start anew instead of being forked. */
const ANEW = { Variables: { NODE_OPTIONS: '--no-warnings' } };

describe('memory', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start({ settings: { instances: 1, spares: 4 } });
  });

  after(() => hearth[Symbol.asyncDispose]());

  const create = (name: string, body: string, settings: Parameters<Hearth['create']>[2]): Promise<void> =>
    hearth.create(name, `export const handler = async (event) => { if (event.well) return 'well'; ${body} };`, {
      Timeout: 60,
      ...settings,
    });

  const used = ({ log }: Answer): number => Number(/Max Memory Used: (\d+) MB/.exec(log)?.[1]);

  describe('that a function fills ends it, is reported, and the next invocation works (T7)', { concurrency: 3 }, () => {
    for (const [what, body] of Object.entries(FILLERS)) {
      for (const MemorySize of SIZES) {
        for (const path of ['forked', 'started anew']) {
          const anew = path !== 'forked';
          const isChosen = CHOSEN[what]!.includes(MemorySize) && (!anew || MemorySize <= 256);
          it(
            `${what}, ${MemorySize} MB, ${path}`,
            { skip: !THOROUGH && !isChosen && 'only in a thorough run' },
            async () => {
              const name = `${what}-${MemorySize}-${path.replace(' ', '-')}`;
              await create(name, body, { MemorySize, ...(anew && { Environment: ANEW }) });
              const answer = await hearth.invoke(name);
              assert.equal(answer.startPath === 'exec', anew);
              if (answer.payload !== 'SIGKILL') {
                assert.match(answer.payload?.errorType, /^Runtime\.(OutOfMemory|ExitError)$/, JSON.stringify(answer));
                assert.match(
                  answer.payload.errorMessage,
                  /Runtime exited with error: (signal: (killed|aborted|trace.*|illegal.*|segm.*)|exit status \d+)$/,
                );
                assert.match(answer.log, new RegExp(`Status: error\tError Type: ${answer.payload.errorType}`));
              } else assert.equal(what, 'children', 'who was killed was told to be a child');
              const share = used(answer) / MemorySize;
              assert.ok(share > 0.5 && share <= 1, `${used(answer)} of ${MemorySize} MB`);
              assert.equal((await hearth.invoke(name, { well: true })).payload, 'well');
            },
          );
        }
      }
    }
  });

  describe('that a function needs for a moment is collected', { concurrency: 3 }, () => {
    const garbage: Record<string, string> = {
      objects: `recent[i % 1000] = { i, numbers: new Array(100).fill(i), text: 'item ' + i };`,
      strings: `recent[i % 100] = JSON.stringify({ text: String(i).repeat(2000) });`,
      buffers: `recent[i % 4] = Buffer.alloc(1024 * 1024, i);`,
    };
    for (const [what, body] of Object.entries(garbage)) {
      for (const path of ['forked', 'started anew']) {
        it(
          `${what}, for ${GARBAGE_SECONDS} s, with 128 MB, ${path}`,
          { skip: !THOROUGH && path !== 'forked' && 'only in a thorough run' },
          async () => {
            const name = `garbage-${what}-${path.replace(' ', '-')}`;
            await create(
              name,
              `const recent = [];
             const end = Date.now() + ${GARBAGE_SECONDS * 1000};
             let i = 0;
             while (Date.now() < end) { ${body} i++; }
             return i > 10 ? 'lived' : i;`,
              { MemorySize: 128, Timeout: GARBAGE_SECONDS + 60, ...(path !== 'forked' && { Environment: ANEW }) },
            );
            const answer = await hearth.invoke(name);
            assert.equal(answer.payload, 'lived', JSON.stringify(answer));
          },
        );
      }
    }
  });

  describe('near the limit is still within it', { concurrency: 3 }, () => {
    // What is left of 128 MB beside the runtime; of more, two thirds: V8 lets some of what was before lie for a while.
    for (const [MemorySize, megabytes] of [
      [128, 60],
      [512, 340],
      [1024, 700],
    ] as const) {
      it(`${megabytes} of ${MemorySize} MB, again and again`, async () => {
        const name = `near-${MemorySize}`;
        await create(
          name,
          `const all = Array.from({ length: ${megabytes} }, (_, i) => Buffer.alloc(1024 * 1024, i + 1));
           return all.reduce((sum, { length }) => sum + length, 0);`,
          { MemorySize },
        );
        for (let times = 0; times < 3; times++) {
          const answer = await hearth.invoke(name);
          assert.equal(answer.payload, megabytes * 1024 * 1024, JSON.stringify(answer));
          assert.equal(answer.startPath === 'warm', times > 0);
        }
      });
    }

    it('and what the kernel keeps of files does not count against it', async () => {
      await create(
        'reader',
        `const fs = await import('node:fs');
         const block = Buffer.alloc(1024 * 1024, 7);
         const file = fs.openSync('/tmp/big', 'w+');
         for (let i = 0; i < 450; i++) fs.writeSync(file, block);
         let read = 0;
         for (let round = 0; round < 2; round++) {
           for (let at = 0; at < 450; at++) read += fs.readSync(file, block, 0, block.length, at * block.length);
         }
         fs.closeSync(file);
         return read / block.length;`,
        { MemorySize: 128 },
      );
      const answer = await hearth.invoke('reader');
      assert.equal(answer.payload, 900, JSON.stringify(answer));
    });
  });
});
