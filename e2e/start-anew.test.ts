/** Functions whose runtime starts anew, because they set what Node reads when it starts. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Hearth } from './testing/hearth.ts';

const VARIABLES = 'export const handler = async () => process.env;';

/** As AWS's page shows wrappers: options are put before the last argument. */
const WRAPPER = `#!/bin/bash
echo "wrapped in $AWS_REGION at $(pwd): $*"
export FROM_WRAPPER=yes
args=("$@")
exec "\${args[@]:0:$#-1}" --stack-trace-limit=77 "\${args[@]: -1}"
`;

describe('a function starts anew', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start();
  });

  after(() => hearth[Symbol.asyncDispose]());

  type Files = Parameters<Hearth['create']>[1];

  async function start(name: string, code: Files, variables: Record<string, string>, more: object = {}) {
    const settings = { MemorySize: 512, Timeout: 20, Environment: { Variables: variables }, ...more };
    await hearth.create(name, code, settings);
    const answer = await hearth.invoke(name);
    assert.equal(answer.startPath, 'exec');
    return answer;
  }

  async function succeed(...args: Parameters<typeof start>): Promise<{ payload: any; log: string }> {
    const answer = await start(...args);
    assert.equal(answer.error, undefined, answer.log);
    return answer;
  }

  // https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
  describe('in its AWS_LAMBDA_EXEC_WRAPPER', () => {
    it('which gets the command line of the runtime and all of its variables, and adds to both', async () => {
      const files = {
        'wrap/wrapper': WRAPPER,
        'index.mjs': 'export const handler = async () => [Error.stackTraceLimit, process.env, process.execArgv];',
      };
      const { payload } = await succeed('wrapped', files, {
        AWS_LAMBDA_EXEC_WRAPPER: '/var/task/wrap/wrapper',
        COLOUR: 'red',
      });
      const [limit, environment, options] = payload;
      assert.equal(limit, 77);
      assert.deepEqual(
        [environment.FROM_WRAPPER, environment.COLOUR, environment.HEARTH_FD],
        ['yes', 'red', undefined],
      );
      assert.deepEqual(options, []);
      const log = await text('wrapped');
      assert.match(log, /wrapped in us-east-1 at \/var\/task: \/var\/lang\/bin\/node .*\/var\/runtime\/\w+\.mjs/);
    });

    it('which may be a script that names no shell', async () => {
      const { payload } = await succeed(
        'plain',
        { 'run.sh': '#!\nexec "$@"\n', 'index.mjs': VARIABLES },
        { AWS_LAMBDA_EXEC_WRAPPER: '/var/task/run.sh' },
      );
      assert.equal(payload._HANDLER, 'index.handler');
    });

    for (const [what, wrapper, status, reason] of [
      ['is not there', '/opt/absent', 127, /\/opt\/absent does not exist/],
      ['may not be executed', '/var/task/index.mjs', 126, /\/var\/task\/index\.mjs is not executable/],
    ] as const) {
      it(`and one that ${what} is an exit of the runtime, whose log says why`, async () => {
        const name = `wrapper${status}`;
        const { payload, error } = await start(name, VARIABLES, { AWS_LAMBDA_EXEC_WRAPPER: wrapper });
        assert.equal(error, 'Unhandled');
        assert.equal(payload.errorType, 'Runtime.ExitError');
        assert.match(payload.errorMessage, new RegExp(`exit status ${status}`));
        assert.match(await text(name), reason);
      });
    }
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
  describe('with NODE_OPTIONS', () => {
    it('that load modules of its own, which find the whole environment and the folder of its code', async () => {
      const files = {
        'before.cjs':
          'globalThis.before = [process.cwd(), process.env._HANDLER, process.env.AWS_LAMBDA_FUNCTION_NAME];',
        'first.mjs': 'globalThis.first = process.env.AWS_REGION;',
        'index.mjs':
          'export const handler = async () => [globalThis.before, globalThis.first, process.env.NODE_OPTIONS];',
      };
      const options = '--require ./before.cjs --import /var/task/first.mjs';
      const { payload } = await succeed('options', files, { NODE_OPTIONS: options });
      assert.deepEqual(payload, [['/var/task', 'index.handler', 'options'], 'us-east-1', options]);
    });

    it('that set the heap themselves', async () => {
      const code = `import { getHeapStatistics } from 'node:v8';
        export const handler = async () => Math.round(getHeapStatistics().heap_size_limit / 1024 / 1024);`;
      const own = await succeed('heap', code, { NODE_OPTIONS: '--max_old_space_size=300 --max-semi-space-size=1' });
      assert.ok(own.payload >= 300 && own.payload < 310, String(own.payload));
      const hearths = await succeed('heap-default', code, { NODE_OPTIONS: '--no-deprecation' });
      assert.ok(hearths.payload > 310 && hearths.payload < 512, String(hearths.payload));
    });

    it('that Node refuses: the caller gets Runtime.ExitError, and the log says why', async () => {
      const { payload, error } = await start('refused', VARIABLES, { NODE_OPTIONS: '--no-such-option' });
      assert.equal(error, 'Unhandled');
      assert.equal(payload.errorType, 'Runtime.ExitError');
      assert.match(payload.errorMessage, /exit status 9/);
      assert.match(await text('refused'), /--no-such-option is not allowed in NODE_OPTIONS/);
    });
  });

  it('with certificates of its own in NODE_EXTRA_CA_CERTS', async () => {
    const directory = fs.mkdtempSync(join(tmpdir(), 'hearth-certificates-'));
    try {
      const [key, certificate] = [join(directory, 'key'), join(directory, 'crt')];
      const request = [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ];
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      execFileSync('openssl', [...request, '-keyout', key, '-out', certificate, ...subject], { stdio: 'ignore' });
      const files = {
        key: fs.readFileSync(key),
        crt: fs.readFileSync(certificate),
        'index.mjs': `import { readFileSync } from 'node:fs';
          import { createServer } from 'node:https';
          import { once } from 'node:events';
          export const handler = async () => {
            const server = createServer({ key: readFileSync('key'), cert: readFileSync('crt') }, (_, response) => response.end('trusted'));
            await once(server.listen(0, 'localhost'), 'listening');
            const url = 'https://localhost:' + server.address().port;
            return fetch(url).then((response) => response.text(), (error) => error.cause.code).finally(() => server.close());
          };`,
      };
      const { payload } = await succeed('trusts', files, { NODE_EXTRA_CA_CERTS: '/var/task/crt' });
      assert.equal(payload, 'trusted');
      const machines = await succeed('distrusts', files, { NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem' });
      assert.equal(machines.payload, 'DEPTH_ZERO_SELF_SIGNED_CERT');
      // Node warns in the log of a file that it can't read.
      assert.doesNotMatch(await text('distrusts'), /ca-cert/);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  it("with the time zone in TZ, and the loader's path in LD_LIBRARY_PATH", async () => {
    const code = `export const handler = async () => [new Date(0).getHours(), Intl.DateTimeFormat().resolvedOptions().timeZone, process.env.LD_LIBRARY_PATH];`;
    const { payload } = await succeed('zone', code, { TZ: 'Asia/Tokyo', LD_LIBRARY_PATH: '/var/task/lib:/opt/lib' });
    assert.deepEqual(payload, [9, 'Asia/Tokyo', '/var/task/lib:/opt/lib']);
  });

  it('with as much of /tmp as it was given', async () => {
    // https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html
    const code = `import { statfsSync, writeFileSync } from 'node:fs';
      export const handler = async () => { writeFileSync('/tmp/a', 'b'); const { blocks, bsize } = statfsSync('/tmp'); return blocks * bsize / 2 ** 20; };`;
    const { payload } = await succeed('storage', code, { TZ: 'UTC' }, { EphemeralStorage: { Size: 2048 } });
    assert.ok(payload > 1900 && payload < 2200, String(payload));
  });

  it('and finds modules by a NODE_PATH of its own, forked too', async () => {
    // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html: NODE_PATH is not reserved.
    const files = {
      'mine/node_modules/thing/package.json': '{"name": "thing", "main": "index.js"}',
      'mine/node_modules/thing/index.js': 'module.exports = "mine";',
      'index.cjs': `exports.handler = async () => [require('thing'), (await import('thing')).default];`,
    };
    const own = { NODE_PATH: '/var/task/mine/node_modules' };
    const { payload } = await succeed('path', files, { ...own, TZ: 'UTC' });
    assert.deepEqual(payload, ['mine', 'mine']);
    await hearth.create('path-forked', files, { Environment: { Variables: own } });
    const forked = await hearth.invoke('path-forked');
    assert.notEqual(forked.startPath, 'exec');
    assert.deepEqual(forked.payload, ['mine', 'mine']);
  });

  /** All that a function has logged. */
  async function text(name: string): Promise<string> {
    const response = await fetch(`${hearth.url}/_hearth/logs?function=${name}`);
    return response.text();
  }
});
