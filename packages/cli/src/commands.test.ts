import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { openZip } from './deploy/zip.ts';
import { FakeServer } from './testing/fake-server.ts';
import type { Ran } from './testing/run-hearth.ts';
import { runHearth, startHearth } from './testing/run-hearth.ts';
import { story } from './why/story.ts';
import { COLD } from './why/testing/records.ts';

let server: FakeServer;
let folder = '';

async function hearth(...args: string[]): Promise<Ran> {
  return await runHearth(args, { AWS_ENDPOINT_URL: server.url });
}

describe('the hearth command', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hearth-cli-'));
    await mkdir(join(folder, 'hello/.git'), { recursive: true });
    await mkdir(join(folder, 'hello/node_modules/.cache'), { recursive: true });
    await mkdir(join(folder, 'hello/lib'));
    await writeFile(join(folder, 'hello/.git/config'), 'secret');
    await writeFile(join(folder, 'hello/node_modules/.cache/x'), 'x');
    await writeFile(join(folder, 'hello/notes.md'), 'notes');
    await writeFile(join(folder, 'hello/.hearthignore'), '*.md\n');
    await writeFile(join(folder, 'hello/lib/entry.mjs'), 'export const greet = async () => "hi";\n');
    await writeFile(join(folder, 'hello/package.json'), '{"name": "@me/hello", "main": "./lib/entry.mjs"}');
    await writeFile(join(folder, 'one.mjs'), 'export async function handler() {}\n');
    await writeFile(join(folder, 'one.ts'), 'export async function handler() {}\n');
    await writeFile(join(folder, 'event.json'), '{"from": "file"}');
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    server = await FakeServer.start();
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  test('deploy makes a function of a folder, guesses its name and handler, and waits until it is live', async () => {
    const ran = await hearth('deploy', join(folder, 'hello'), '--memory', '256', '--env', 'A=1', 'B=x=y');
    assert.equal(ran.stderr, '');
    assert.equal(ran.code, 0);
    assert.match(ran.stdout, /^Created hello \(nodejs26\.x, handler lib\/entry\.greet, 256 MB, /);
    assert.match(ran.stdout, /Try it: {2}hearth invoke hello/);
    const made = server.functions.get('hello');
    assert.equal(made?.State, 'Active');
    assert.deepEqual(made?.Environment, { Variables: { A: '1', B: 'x=y' } });
    const { names } = await openZip(made?.zip ?? Buffer.alloc(0), 'zip');
    assert.deepEqual(names, ['lib/entry.mjs', 'package.json']);
  });

  test('deploy --watch deploys what is saved, and tells what is wrong with it in terms of the files here', async () => {
    const watched = join(folder, 'watched');
    await mkdir(watched);
    const save = (code: string) => writeFile(join(watched, 'index.mjs'), `export const handler = ${code};`);
    await save('() => 1');
    const child = startHearth(['deploy', watched, '--watch', '--memory', '256'], { AWS_ENDPOINT_URL: server.url });
    let said = '';
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (said += String(text)));
    const heard = async (text: string | RegExp): Promise<void> => {
      const end = performance.now() + 15_000;
      while (!(typeof text === 'string' ? said.includes(text) : text.test(said))) {
        assert.ok(performance.now() < end, said);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      said = '';
    };
    await heard(/Created watched .*\n.*\nWatching .*watched \.\.\.\n/s);
    const uploads = () => server.seen.filter(({ method }) => method === 'PUT').map(({ path }) => path);
    await save('() => 2');
    await heard(/^Updated watched in \d+ ms\.\n$/);
    assert.deepEqual(uploads(), ['/2015-03-31/functions/watched/code']);
    server.failures.push('The function could not be loaded. Error: no (/var/task/index.mjs:1:9)');
    await save('no');
    await heard(
      `The update of watched failed: The function could not be loaded. Error: no (${watched}/index.mjs:1:9)\nHint`,
    );
    await rm(join(watched, 'index.mjs'));
    await heard('has no files to deploy');
    await save('() => 3');
    await heard(/^Updated watched/);
    // The settings are set once.
    assert.equal(uploads().filter((path) => path.endsWith('configuration')).length, 0);
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    assert.deepEqual(await ended, [0, null]);
  });

  test('deploy again uploads only what changed, keeps the handler, and adds variables', async () => {
    await hearth('deploy', join(folder, 'one.mjs'), '--env', 'A=1', '--handler', 'one.other');
    server.seen.length = 0;
    const ran = await hearth('deploy', join(folder, 'one.mjs'), '--env', 'B=2', '--json');
    assert.equal(ran.code, 0, ran.stderr);
    const { Handler, Environment } = JSON.parse(ran.stdout) as Record<string, unknown>;
    assert.equal(Handler, 'one.other');
    assert.deepEqual(Environment, { Variables: { A: '1', B: '2' } });
    assert.ok(!server.seen.some(({ path }) => path.endsWith('/code')), 'the code is the same');
  });

  test('deploy says what it takes where it is given something else', async () => {
    const typescript = await hearth('deploy', join(folder, 'one.ts'));
    assert.equal(typescript.code, 1);
    assert.match(typescript.stderr, /neither a folder nor.*\nHint: Compile or bundle it first/);
    const nothing = await hearth('deploy', join(folder, 'nothing'));
    assert.match(nothing.stderr, /there is no such file\nHint: Name a folder/);
  });

  test('invoke prints the answer alone on stdout, and how it started on stderr', async () => {
    await hearth('deploy', join(folder, 'one.mjs'));
    const given = await hearth('invoke', 'one', '{"a": 1}');
    assert.equal(given.stdout, '{"a":1}\n');
    assert.match(given.stderr, /^warm start, \d+\.\d ms, request request-1\n$/);
    assert.equal(given.code, 0);
    assert.equal((await hearth('invoke', 'one', `@${join(folder, 'event.json')}`)).stdout, '{"from":"file"}\n');
    const fromStdin = await runHearth(['invoke', 'one', '-'], { AWS_ENDPOINT_URL: server.url }, '{"from":"stdin"}');
    assert.equal(fromStdin.stdout, '{"from":"stdin"}\n');
    assert.equal((await hearth('invoke', 'one')).stdout, '{}\n');
  });

  test('invoke says that it may wait, where the person does', async () => {
    await hearth('deploy', join(folder, 'one.mjs'));
    await hearth('invoke', 'one', '--run-by', '3600', '--when-due', 'fail');
    const { headers } = server.seen.at(-1)!;
    assert.deepEqual([headers['x-hearth-run-by'], headers['x-hearth-when-due']], ['3600', 'fail']);
    assert.equal((await hearth('invoke', 'one', '--run-by', '3600', '--stream')).code, 2);
  });

  test('invoke tells a failed function from a good one, with trace and log', async () => {
    await hearth('deploy', join(folder, 'one.mjs'));
    const error = {
      errorType: 'TypeError',
      errorMessage: 'no',
      trace: ['TypeError: no', '    at handler (/var/task/x)'],
    };
    const log = Buffer.from('START\nboom\n').toString('base64');
    const headers = { 'x-amz-function-error': 'Unhandled', 'x-amz-log-result': log };
    server.onInvoke = () => ({ body: JSON.stringify(error), headers });
    const ran = await hearth('invoke', 'one', '--log');
    assert.equal(ran.code, 1);
    assert.equal(ran.stdout, '');
    assert.match(ran.stderr, /^START\nboom\nTypeError: no\n {4}at handler \(\/var\/task\/x\)\nwarm start/);
    const asJson = await hearth('invoke', 'one', '--json');
    assert.equal(asJson.code, 1);
    const { payload, functionError, startPath } = JSON.parse(asJson.stdout) as Record<string, unknown>;
    assert.deepEqual([payload, functionError, startPath], [error, 'Unhandled', 'warm']);
  });

  test('invoke --stream prints what comes while more is to come', async () => {
    const { promise: heard, resolve } = Promise.withResolvers<void>();
    server.onStream = async function* (name, event) {
      yield `${name} ${JSON.stringify(event)} `;
      await heard;
      yield 'last';
      yield {};
    };
    const child = startHearth(['invoke', 'one', '{"a":1}', '--stream'], { AWS_ENDPOINT_URL: server.url });
    let out = '';
    let errors = '';
    child.stderr!.on('data', (bytes) => (errors += String(bytes)));
    child.stdout!.on('data', (bytes) => {
      // Only what was printed makes the function go on.
      if ((out += String(bytes)) === 'one {"a":1} ') resolve();
    });
    const [code] = (await once(child, 'close')) as [number | null];
    assert.deepEqual([code, out], [0, 'one {"a":1} last']);
    assert.match(errors, /^warm start, .* request request-1\n$/);
  });

  test('invoke --stream prints bytes as they are, and in JSON one answer', async () => {
    server.onStream = async function* () {
      yield '\u00c3';
      yield '\u00a9';
      yield { LogResult: Buffer.from('START\n').toString('base64') };
    };
    const ran = await hearth('invoke', 'one', '--stream', '--log');
    assert.equal(ran.stdout, 'é');
    assert.match(ran.stderr, /^START\nwarm start/);
    const { payload, log } = JSON.parse((await hearth('invoke', 'one', '--stream', '--json')).stdout) as object & {
      payload: unknown;
      log: unknown;
    };
    assert.deepEqual([payload, log], ['é', 'START\n']);
  });

  test('invoke --stream tells a stream that failed, or broke off, from a whole one', async () => {
    const document = { errorType: 'TypeError', errorMessage: 'no', trace: ['TypeError: no', '    at x'] };
    server.onStream = async function* () {
      yield 'some';
      yield { ErrorCode: 'Unhandled', ErrorDetails: JSON.stringify(document) };
    };
    const failed = await hearth('invoke', 'one', '--stream');
    assert.deepEqual([failed.code, failed.stdout], [1, 'some']);
    assert.match(failed.stderr, /^TypeError: no\n {4}at x\nwarm start/);
    server.onStream = async function* () {
      yield 'some';
    };
    const broken = await hearth('invoke', 'one', '--stream');
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /The answer broke off before its end\.\nHint: /);
  });

  test('an event that is not JSON is refused before it is sent', async () => {
    const ran = await hearth('invoke', 'one', '{name: 1}');
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /The event is not JSON.*\nHint: Quote it/);
    assert.equal(server.seen.length, 0);
  });

  test('ls lists every page, and rm removes', async () => {
    for (const name of ['a', 'b', 'c']) await hearth('deploy', join(folder, 'one.mjs'), '--name', name);
    const lines = (await hearth('ls')).stdout.trim().split('\n');
    assert.match(lines[0] ?? '', /^NAME +RUNTIME +HANDLER +MEMORY/);
    assert.deepEqual(
      lines.slice(1).map((line) => line.split(/\s+/)[0]),
      ['a', 'b', 'c'],
    );
    assert.equal((await hearth('rm', 'a', 'b')).stdout, 'Deleted a.\nDeleted b.\n');
    assert.equal((JSON.parse((await hearth('ls', '--json')).stdout) as unknown[]).length, 1);
    const gone = await hearth('rm', 'a');
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /ResourceNotFoundException: Function not found: a\nHint: hearth ls/);
  });

  test('logs prints messages, and nothing in them can drive the terminal', async () => {
    server.logs.push('one', 'two\rhidden\u001B[2J\u001B]0;title\u0007', '\u001B[31mred\u001B[0m');
    const ran = await hearth('logs', 'one', '--since', '10m');
    assert.equal(ran.stdout, 'one\ntwo\nhidden\n\u001B[31mred\u001B[0m\n');
    const since = Number(new URL(server.seen[0]?.path ?? '', server.url).searchParams.get('since'));
    assert.ok(Math.abs(Date.now() - 600_000 - since) < 60_000);
    assert.equal((await hearth('logs', 'one', '--json')).stdout.split('\n').length, 4);
    assert.match(
      (await hearth('logs', 'one', '--since', 'soon')).stderr,
      /Not a time span: soon\nHint: Write it like 30s/,
    );
  });

  test('logs --follow goes on until Ctrl-C and then ends well', async () => {
    server.logs.push('first');
    const child = startHearth(['logs', 'one', '--follow'], { AWS_ENDPOINT_URL: server.url });
    const [chunk] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    assert.equal(chunk.toString(), 'first\n');
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'close'), [0, null]);
  });

  test('why tells the record of an invocation, and where ids are found if there is none', async () => {
    server.records.set('a/b', { ...COLD, requestId: 'a/b' });
    const ran = await hearth('why', 'a/b');
    assert.equal(ran.stdout, story({ ...COLD, requestId: 'a/b' }, Date.now()));
    assert.deepEqual(JSON.parse((await hearth('why', 'a/b', '--json')).stdout), server.records.get('a/b'));
    const unknown = await hearth('why', 'nothing');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /There is no record of an invocation nothing\.\nHint: .*x-amzn-requestid/);
  });

  test('advise says which functions want another size, and how to set it', async () => {
    assert.equal((await hearth('advise')).stdout, 'No function has run yet.\n');
    const sized = { account: '000000000000', region: 'us-east-1', version: '$LATEST', executions: 40, timedOut: 0 };
    const full = { ...sized, functionName: 'full', memoryMb: 128, outOfMemory: 5, peakMb: 128 };
    const fine = { ...sized, functionName: 'fine', memoryMb: 256, outOfMemory: 0, peakMb: 100, advice: null };
    server.advice = { functions: [{ ...full, advice: { memoryMb: 256, why: 'it ran out' } }, fine] };
    const { stdout } = await hearth('advise');
    assert.match(stdout, /^full +\$LATEST +000000000000 +128 MB +128 MB +5 +0 +40 +256 MB +it ran out$/m);
    assert.match(stdout, /\nSet it with: {2}aws lambda .* --function-name full --memory-size 256\n1 version does with/);
    assert.deepEqual(JSON.parse((await hearth('advise', '--json')).stdout), server.advice);
    server.advice = { functions: [fine] };
    assert.match((await hearth('advise')).stdout, /^1 version does with the memory/);
  });

  test('ps shows instances and their sandboxes', async () => {
    const memory = { total: 2e9, committed: 128e6, used: 4.2e6 };
    const sandbox = {
      id: 's-1',
      function: 'hello',
      version: '$LATEST',
      state: 'idle',
      memoryUsed: 1e6,
      lastUsed: Date.now(),
    };
    const instance = { id: 'i-1', provider: 'local', pool: 'active', account: '000000000000', memory, state: 'active' };
    server.fleet = { instances: [{ ...instance, sandboxes: [sandbox] }] };
    const { stdout } = await hearth('ps');
    assert.match(stdout, /^i-1 +local +active +000000000000 +active +4\.2 MB +128 MB +2\.0 GB +1$/m);
    assert.match(stdout, /^active +- +- +- +- +- +1$/m);
    assert.match(stdout, /^s-1 +i-1 +hello +\$LATEST +idle +1\.0 MB +0s +- +-$/m);
    assert.deepEqual(JSON.parse((await hearth('ps', '--json')).stdout), server.fleet);
  });

  test('ps --watch without a terminal prints page after page, nothing that drives one, and ends well', async () => {
    const child = startHearth(['ps', '--watch'], { AWS_ENDPOINT_URL: server.url });
    const pages: string[] = [];
    for await (const bytes of child.stdout as NodeJS.ReadableStream) {
      pages.push(String(bytes));
      if (pages.length === 2) child.kill('SIGINT');
    }
    assert.deepEqual(pages.slice(0, 2), ['There are no instances.\n\n', 'There are no instances.\n\n']);
    const asJson = startHearth(['ps', '--watch', '--json'], { AWS_ENDPOINT_URL: server.url });
    const [line] = (await once(asJson.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    assert.deepEqual(JSON.parse(line.toString()), server.fleet);
    asJson.kill('SIGINT');
    assert.deepEqual(await once(asJson, 'close'), [0, null]);
  });

  test('credentials of the environment sign the request and name the account', async () => {
    const env = { AWS_ENDPOINT_URL: server.url, AWS_ACCESS_KEY_ID: '111111111111', AWS_SECRET_ACCESS_KEY: 'x' };
    assert.equal((await runHearth(['ls'], { ...env, AWS_REGION: 'eu-west-1' })).code, 0);
    assert.match(
      server.seen[0]?.authorization ?? '',
      /^AWS4-HMAC-SHA256 Credential=111111111111\/\d{8}\/eu-west-1\/lambda\/aws4_request, .*Signature=[0-9a-f]{64}$/,
    );
    await hearth('ls');
    assert.equal(server.seen[1]?.authorization, undefined);
    await runHearth(['ps'], { ...env, HEARTH_OPERATOR_TOKEN: 'token' });
    assert.equal(server.seen[2]?.authorization, 'Bearer token');
  });

  test('where no server answers it says how to start or name one', async () => {
    const unused = await FakeServer.start();
    const port = new URL(unused.url).port;
    await unused[Symbol.asyncDispose]();
    const ran = await runHearth(['ls'], { HEARTH_PORT: port });
    assert.equal(ran.code, 1);
    assert.match(
      ran.stderr,
      new RegExp(`No server answers at http://127.0.0.1:${port}.\\nHint: Start a server with {2}hearth up`),
    );
    const asJson = await runHearth(['ls', '--json'], { HEARTH_PORT: port });
    assert.match((JSON.parse(asJson.stderr) as { error: { hint: string } }).error.hint, /hearth up/);
    assert.match((await runHearth(['ls'], { AWS_ENDPOINT_URL: 'nonsense' })).stderr, /not an HTTP address/);
  });

  test('a wrong use ends with 2 and points to the help', async () => {
    const ran = await hearth('deploi');
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, /Did you mean deploy\?/);
    assert.equal((await hearth('--help')).code, 0);
  });
});
