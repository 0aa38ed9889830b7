/**
 * Layers, from PublishLayerVersion to what a function finds in /opt.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
 * https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  AddLayerVersionPermissionCommand,
  DeleteLayerVersionCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { Hearth, type HearthOptions, run, zipOf } from './testing/hearth.ts';
import { packageClosure } from './testing/package-closure.ts';

const OTHER = '111111111111';

/** Finds all it can of a package by both ways that Node has, and everything in /opt. */
const LOOK = `
  import { createRequire } from 'node:module';
  import { execFileSync } from 'node:child_process';
  import * as fs from 'node:fs';
  const require = createRequire(import.meta.url);
  const attempt = async (work) => {
    try { return await work(); } catch (error) { return error.code ?? error.message; }
  };
  export const handler = async ({ packages = [], run = [], write }) => ({
    imported: await Promise.all(packages.map((name) => attempt(async () => (await import(name)).who))),
    required: await Promise.all(packages.map((name) => attempt(() => require(name).who))),
    printed: await attempt(() => run.length > 0 ? execFileSync(run[0], run.slice(1), { encoding: 'utf8' }) : ''),
    written: write && (await attempt(() => fs.writeFileSync(write, ''))),
    opt: fs.globSync('**', { cwd: '/opt', withFileTypes: true }).filter((entry) => entry.isFile())
      .map((entry) => entry.parentPath + '/' + entry.name).sort()
      .map((path) => path + ' ' + fs.readFileSync(path, 'latin1').slice(0, 40)),
  });
`;

const packageOf = (name: string, who: string, place = 'nodejs/node_modules'): Record<string, string> => ({
  [`${place}/${name}/package.json`]: JSON.stringify({ name, main: 'index.js' }),
  [`${place}/${name}/index.js`]: `exports.who = ${JSON.stringify(who)};`,
});

/** The start paths, and what has a function take each. */
const PATHS = {
  spare: {},
  fork: { EphemeralStorage: { Size: 600 } },
  exec: { Environment: { Variables: { NODE_OPTIONS: '--no-deprecation' } } },
} as const;

describe('layers', () => {
  let hearth: Hearth;

  before(async () => {
    // All of the account's sandboxes fit into one instance.
    hearth = await Hearth.start({ settings: { instanceMemoryMb: 4096, slots: 32 } });
  });

  after(() => hearth[Symbol.asyncDispose]());

  const publish = (name: string, content: Record<string, string | Buffer> | Buffer) =>
    hearth.publishLayer(name, content);

  const reconfigure = async (name: string, change: object): Promise<void> => {
    const client = hearth.client();
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, ...change }));
    await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 30, minDelay: 0.05 }, { FunctionName: name });
  };

  for (const [path, settings] of Object.entries(PATHS)) {
    it(`bring packages that are imported and required, and programs, to a function started by ${path}`, async () => {
      const layer = await publish(`packages-${path}`, {
        ...packageOf('anywhere', 'any version'),
        ...packageOf('both', 'any version'),
        ...packageOf('both', 'this version', 'nodejs/node26/node_modules'),
        'bin/greet': '#!/bin/sh\necho "hello from $0, $1"',
      });
      await hearth.create(`packages-${path}`, LOOK, { Layers: [layer], Timeout: 30, ...settings });
      const answer = await hearth.invoke(`packages-${path}`, {
        packages: ['anywhere', 'both', 'nowhere', '@aws-sdk/client-sts'],
        run: ['greet', 'you'],
        write: '/opt/written',
      });
      assert.equal(answer.startPath, path, answer.log);
      const { imported, required, printed, written, opt } = answer.payload;
      assert.deepEqual(imported.slice(0, 3), ['any version', 'this version', 'ERR_MODULE_NOT_FOUND']);
      assert.deepEqual(required.slice(0, 3), ['any version', 'this version', 'MODULE_NOT_FOUND']);
      assert.equal(printed, 'hello from /opt/bin/greet, you\n');
      assert.equal(written, 'EROFS');
      assert.equal(opt.length, 7);
    });

    it(`bring libraries that are loaded by their names alone to a function started by ${path}`, async () => {
      // A native addon in the layer loads a library that only /opt/lib has; the function's own comes before it.
      const nodejs = Object.entries(packageClosure('koffi')).map(([name, from]) => [`nodejs/${name}`, from]);
      const zlib = fs.readFileSync(libraryPath('libz.so.1'));
      const layer = await publish(`libraries-${path}`, {
        ...Object.fromEntries(nodejs),
        'lib/libprobe.so': zlib,
        'lib/libown.so': 'not a library',
      });
      const code = `
        import koffi from 'koffi';
        export const handler = async () => ['libprobe.so', 'libown.so'].map((name) =>
          koffi.load(name).func('const char *zlibVersion()')());
      `;
      await hearth.create(
        `libraries-${path}`,
        { 'index.mjs': code, 'lib/libown.so': zlib },
        { Layers: [layer], Timeout: 30, ...settings },
      );
      const answer = await hearth.invoke(`libraries-${path}`);
      assert.equal(answer.startPath, path, answer.log);
      assert.match(String(answer.payload), /^1\.[\d.]+,1\.[\d.]+$/, answer.log);
    });
  }

  it('are merged in their order, up to five of them, whatever kinds of files meet', async () => {
    const arns: string[] = [];
    for (let i = 1; i <= 5; i++) {
      arns.push(
        await publish(`order-${i}`, {
          all: `${i}`,
          [`own-${i}`]: `${i}`,
          ...(i === 2 || i === 4 ? { even: `${i}` } : {}),
          ...(i === 3 ? { 'turn/file': '3' } : i === 5 ? { turn: '5' } : {}),
        }),
      );
    }
    const own = [1, 2, 3, 4, 5].map((i) => `/opt/own-${i} ${i}`);
    await hearth.create('order', LOOK, { Layers: arns });
    assert.deepEqual((await hearth.invoke('order')).payload.opt, ['/opt/all 5', '/opt/even 4', ...own, '/opt/turn 5']);
    await reconfigure('order', { Layers: arns.toReversed() });
    assert.deepEqual((await hearth.invoke('order')).payload.opt, [
      '/opt/all 1',
      '/opt/even 2',
      ...own,
      '/opt/turn/file 3',
    ]);
    await reconfigure('order', { Layers: [] });
    assert.deepEqual((await hearth.invoke('order')).payload.opt, []);
  });

  it('are published, given to a function and deleted by the AWS CLI', async () => {
    const path = join(hearth.data, 'layer.zip');
    fs.writeFileSync(path, await zipOf({ from: 'the command line' }));
    const environment = {
      ...hearth.environment(),
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
    };
    const aws = async (...args: string[]): Promise<any> => {
      const text = await run('aws', ['--endpoint-url', hearth.url, 'lambda', ...args], environment);
      return text === '' ? undefined : JSON.parse(text);
    };
    const content = ['--zip-file', `fileb://${path}`, '--compatible-runtimes', 'nodejs20.x'];
    const made = await aws('publish-layer-version', '--layer-name', 'cli', ...content);
    assert.equal(made.Version, 1);
    const { Layers: found } = await aws('list-layers', '--compatible-runtime', 'nodejs20.x');
    assert.deepEqual(
      found.map(({ LayerName }: any) => LayerName),
      ['cli'],
    );
    await hearth.create('cli', LOOK);
    await aws('update-function-configuration', '--function-name', 'cli', '--layers', made.LayerVersionArn);
    await aws('wait', 'function-updated-v2', '--function-name', 'cli');
    assert.deepEqual((await hearth.invoke('cli')).payload.opt, ['/opt/from the command line']);
    const version = ['--layer-name', 'cli', '--version-number', '1'];
    const grant = ['--statement-id', 's', '--action', 'lambda:GetLayerVersion', '--principal', OTHER];
    await aws('add-layer-version-permission', ...version, ...grant);
    const { Policy, RevisionId } = await aws('get-layer-version-policy', ...version);
    assert.equal(JSON.parse(Policy).Statement[0].Sid, 's');
    await aws('remove-layer-version-permission', ...version, '--statement-id', 's', '--revision-id', RevisionId);
    await aws('delete-layer-version', ...version);
    assert.deepEqual((await aws('list-layer-versions', '--layer-name', 'cli')).LayerVersions, []);
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
  it('bring the wrapper of a runtime', async () => {
    const layer = await publish('wrapper', { wrap: '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"' });
    await hearth.create('wrapped', `export const handler = async () => process.env.WRAPPED;`, {
      Layers: [layer],
      Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: '/opt/wrap' } },
    });
    const { payload, log } = await hearth.invoke('wrapped');
    assert.equal(payload, 'yes', log);
  });

  it('L12, V16: come to an instance once, for all sandboxes and functions that use them in any combination', async () => {
    const first = await publish('once-1', { once: 'first', 'pad.bin': 'x'.repeat(100_000) });
    const second = await publish('once-2', { once: 'second' });
    const code = `
      import * as fs from 'node:fs';
      import { setTimeout } from 'node:timers/promises';
      export const handler = async () => { await setTimeout(300); return fs.readFileSync('/opt/once', 'utf8'); };
    `;
    const lists = {
      'once-a': [first, second],
      'once-b': [second, first],
      'once-c': [first],
      'once-d': [first, second],
    };
    for (const [name, Layers] of Object.entries(lists)) await hearth.create(name, code, { Layers });
    await hearth.create('once-e', code, { Layers: [first, second] });
    const there = new Set(cached(hearth));
    await hearth.invoke('once-a');
    // Another function with the same code and layers finds them there.
    const { log } = await hearth.invoke('once-e');
    const [, id] = /RequestId: (\S+)/.exec(log) ?? [];
    assert.match((await hearth.get(`/_hearth/invocations/${id}`)).reason, /code in the cache/);
    const names = Object.keys(lists).flatMap((name) => [name, name]);
    const answers = await Promise.all(names.map((name) => hearth.invoke(name)));
    assert.deepEqual(
      answers.map(({ payload }) => payload),
      ['second', 'first', 'first', 'second'].flatMap((once) => [once, once]),
    );
    const come = cached(hearth).filter((name) => !there.has(name));
    // The code of all, both layers, and both orders of them.
    assert.equal(come.filter((name) => /^[0-9a-f]{64}$/.test(name)).length, 1 + 2, come.join());
    assert.equal(come.filter((name) => /^layers-[0-9a-f]{64}$/.test(name)).length, 2, come.join());
    assert.equal(come.length, 5, come.join());
  });

  it('may be many that are all wanted at once', async () => {
    // More archives than an instance may fetch at the same time.
    const functions = Array.from({ length: 15 }, (_, i) => i);
    for (const i of functions) {
      const Layers: string[] = [];
      for (let n = 0; n < 5; n++) Layers.push(await publish(`burst-${i}-${n}`, { who: `${i} ${n}` }));
      await hearth.create(`burst-${i}`, LOOK, { Layers, Timeout: 60 });
    }
    const answers = await Promise.all(functions.map((i) => hearth.invoke(`burst-${i}`)));
    assert.deepEqual(
      answers.map(({ payload }) => payload.opt),
      functions.map((i) => [`/opt/who ${i} 4`]),
    );
  });

  it('go on serving functions that have them when they have been deleted, also after a restart', async () => {
    const data = fs.mkdtempSync('/var/tmp/hearth-e2e-');
    const options: HearthOptions = { data };
    try {
      {
        await using server = await Hearth.start(options);
        const layer = await server.publishLayer('deleted', { kept: 'still here' });
        await server.create('keeps', LOOK, { Layers: [layer] });
        await server.client().send(new DeleteLayerVersionCommand({ LayerName: 'deleted', VersionNumber: 1 }));
        assert.deepEqual((await server.invoke('keeps')).payload.opt, ['/opt/kept still here']);
      }
      await using server = await Hearth.start(options);
      assert.deepEqual((await server.invoke('keeps')).payload.opt, ['/opt/kept still here']);
      assert.match(await server.publishLayer('deleted', { next: '' }), /:2$/);
    } finally {
      fs.rmSync(data, { recursive: true, force: true });
    }
  });

  it('of another account serve where it allows that', async () => {
    const layer = await publish('shared', { 'from-them': 'shared' });
    await assert.rejects(hearth.create('borrows', LOOK, { Layers: [layer] }, OTHER), { name: 'AccessDeniedException' });
    await hearth.client().send(
      new AddLayerVersionPermissionCommand({
        LayerName: 'shared',
        VersionNumber: 1,
        StatementId: 'other',
        Action: 'lambda:GetLayerVersion',
        Principal: OTHER,
      }),
    );
    await hearth.create('borrows', LOOK, { Layers: [layer] }, OTHER);
    assert.deepEqual((await hearth.invoke('borrows', {}, OTHER)).payload.opt, ['/opt/from-them shared']);
  });

  it('P12: that are damaged fail the function with the reason, leave nothing, and can be replaced', async () => {
    const whole = await zipOf({ 'data.txt': 'some text '.repeat(100) });
    const damaged = Buffer.from(whole);
    const at = damaged.indexOf('data.txt') + 'data.txt'.length + 3;
    damaged[at] = damaged[at]! ^ 0xff;
    const good = await publish('beside', { beside: 'good' });
    const broken = await publish('broken', damaged);
    const mended = await publish('mended', whole);
    await hearth.create('mended', LOOK, { Layers: [good, broken] });
    for (let times = 0; times < 2; times++) {
      await assert.rejects(hearth.invoke('mended'), (error: Error) => {
        assert.equal(error.name, 'InvalidZipFileException');
        assert.match(error.message, /^Lambda could not unzip the deployment package: in a layer: /);
        return true;
      });
    }
    assert.deepEqual(
      cached(hearth).filter((name) => /partial|zip/.test(name)),
      [],
    );
    await reconfigure('mended', { Layers: [good, mended] });
    const { opt } = (await hearth.invoke('mended')).payload;
    assert.deepEqual(opt, ['/opt/beside good', `/opt/data.txt ${'some text '.repeat(4)}`]);
  });

  it('P12: with links that lead out reach nothing of the machine or the instance', async () => {
    const { ZipFile } = await import('yazl');
    const zip = new ZipFile();
    zip.addBuffer(Buffer.from('/var/hearth'), 'instance', { mode: 0o120777 });
    zip.addBuffer(Buffer.from('/etc'), 'etc', { mode: 0o120777 });
    zip.end();
    const parts: Buffer[] = [];
    for await (const part of zip.outputStream) parts.push(part as Buffer);
    const links = await publish('links', Buffer.concat(parts));
    // The second layer would write through the first one's links.
    const through = await publish('through', { 'instance/x': 'x', 'etc/passwd': 'x' });
    await hearth.create('links', LOOK, { Layers: [links, through] });
    assert.deepEqual((await hearth.invoke('links')).payload.opt, ['/opt/etc/passwd x', '/opt/instance/x x']);
    const code = `
      import * as fs from 'node:fs';
      export const handler = async () =>
        [fs.existsSync('/opt/instance'), fs.realpathSync('/opt/etc/passwd'), fs.existsSync('/opt/etc/shadow')];
    `;
    await hearth.create('links-alone', code, { Layers: [links] });
    assert.deepEqual((await hearth.invoke('links-alone')).payload, [false, '/etc/passwd', false]);
  });
});

/** Names of what is in the code caches of all instances. */
function cached(hearth: Hearth): string[] {
  const cwd = join(hearth.dataDirectory, 'instances');
  return fs.globSync('*/**/code/*', { cwd }).map((path) => path.split('/').at(-1)!);
}

function libraryPath(name: string): string {
  const [found] = fs.globSync([`/usr/lib/*/${name}`, `/lib/*/${name}`, `/usr/lib64/${name}`]);
  assert.ok(found !== undefined, `this machine has no ${name}`);
  return fs.realpathSync(found);
}
