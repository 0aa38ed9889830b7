/** The `hearth` command against a real server, as a person would use it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { Hearth, HEARTH } from './testing/hearth.ts';

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

describe('the hearth command', () => {
  let hearth: Hearth;
  let folder: string;

  before(async () => {
    hearth = await Hearth.start();
    folder = join(hearth.data, 'greeter');
    fs.mkdirSync(folder);
    write('hello');
  });

  after(() => hearth[Symbol.asyncDispose]());

  function write(greeting: string): void {
    fs.writeFileSync(
      join(folder, 'index.mjs'),
      `export const handler = async (event) => {
         console.log('greeting', event.name);
         if (event.name === undefined) throw new TypeError('nobody is there');
         return { text: '${greeting} ' + event.name, colour: process.env.COLOUR };
       };`,
    );
  }

  async function run(...args: string[]): Promise<Ran> {
    const child = spawn(HEARTH, args, { env: hearth.environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    const [[code], stdout, stderr] = await Promise.all([
      once(child, 'close') as Promise<[number | null]>,
      text(child.stdout),
      text(child.stderr),
    ]);
    return { code, stdout, stderr };
  }

  async function json(...args: string[]): Promise<any> {
    const { code, stdout, stderr } = await run(...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  }

  it('deploys a folder, and deploys it again', async () => {
    const made = await run('deploy', folder, '--memory', '256', '--timeout', '9', '--env', 'COLOUR=red');
    assert.equal(made.code, 0, made.stderr);
    assert.match(
      made.stdout,
      /^Created greeter \(nodejs26\.x, handler index\.handler, 256 MB, [\d.]+ .?B\) in \d+ ms\.\nTry it: {2}hearth invoke greeter/,
    );
    assert.deepEqual((await json('invoke', 'greeter', '{"name":"Ada"}')).payload, { text: 'hello Ada', colour: 'red' });
    write('good day');
    const live = await json('deploy', folder);
    assert.equal(live.LastUpdateStatus, 'Successful');
    assert.equal(live.Timeout, 9);
    const { payload } = await json('invoke', 'greeter', '{"name":"Ada"}');
    assert.deepEqual(payload, { text: 'good day Ada', colour: 'red' });
  });

  it('invokes: the answer on one stream, all about it on the other', async () => {
    const ran = await run('invoke', 'greeter', '{"name":"Bob"}', '--log');
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(JSON.parse(ran.stdout), { text: 'good day Bob', colour: 'red' });
    assert.match(ran.stderr, /START RequestId: .*\n.*\tINFO\tgreeting Bob\nEND RequestId: .*\nREPORT RequestId: /);
    assert.match(ran.stderr, /warm start, [\d.]+ ms, request [\da-f-]{36}\n$/);

    const failed = await run('invoke', 'greeter');
    assert.equal(failed.code, 1);
    assert.equal(failed.stdout, '');
    assert.match(failed.stderr, /TypeError: nobody is there\n.*index\.mjs/);

    const missing = await run('invoke', 'nobody');
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /Function not found.*nobody/);
    assert.match(missing.stderr, /Hint: /);
  });

  it('shows the log, and follows it', async () => {
    const { stdout } = await run('logs', 'greeter');
    assert.match(stdout, /START RequestId: .*\n.*\tINFO\tgreeting Ada\nEND RequestId/);

    const following = spawn(HEARTH, ['logs', 'greeter', '--follow'], {
      env: hearth.environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(following, 'exit');
    try {
      // Until it is connected, what is printed now may be missed or not: so print until it comes.
      const seen = new AbortController();
      const watching = (async () => {
        for await (const line of createInterface({ input: following.stdout })) {
          if (line.endsWith('\tINFO\tgreeting Grace')) {
            seen.abort();
            return;
          }
        }
      })();
      while (!seen.signal.aborted && following.exitCode === null) await hearth.invoke('greeter', { name: 'Grace' });
      await watching;
      assert.ok(seen.signal.aborted);
    } finally {
      following.kill('SIGINT');
    }
    assert.deepEqual(await exit, [0, null]);
  });

  it('lists functions, instances and sandboxes', async () => {
    const { stdout } = await run('ls');
    const [head, row, ...rest] = stdout.trimEnd().split('\n');
    assert.match(head ?? '', /^NAME +RUNTIME +HANDLER +MEMORY +TIMEOUT +SIZE +CHANGED$/);
    assert.match(row ?? '', /^greeter +nodejs26\.x +index\.handler +256 MB +9 s +\d+ B +\S+$/);
    assert.deepEqual(rest, []);
    assert.equal((await json('ls'))[0].FunctionName, 'greeter');

    const { stdout: processes } = await run('ps');
    assert.match(processes, /^POOL +SUB-POOL +CONFIGURATION +TARGET +READY/);
    assert.match(processes, /^INSTANCE +PROVIDER +POOL +ACCOUNT +STATE/m);
    assert.match(processes, /^i-[\da-f]+ +local +active\S* +000000000000 +active/m);
    assert.match(processes, /^s-[\da-f]+ +i-[\da-f]+ +greeter +\$LATEST +idle/m);
    const { instances } = await json('ps');
    assert.ok(instances.some((instance: any) => instance.sandboxes.length === 1));
  });

  it('removes functions', async () => {
    const removed = await run('rm', 'greeter');
    assert.equal(removed.stdout, 'Deleted greeter.\n', removed.stderr);
    assert.equal((await run('ls')).stdout, 'There are no functions yet. Make one:  hearth deploy FOLDER\n');
    const again = await run('rm', 'greeter');
    assert.equal(again.code, 1);
    assert.match(again.stderr, /Function not found/);
  });

  it('examines the machine', async () => {
    const { code, stdout } = await run('doctor', '--json');
    const findings = JSON.parse(stdout) as { name: string; status: string; detail: string; cure?: string }[];
    const lacking = findings.filter(({ status }) => status === 'missing');
    assert.equal(code, lacking.length === 0 ? 0 : 1);
    for (const { name, cure } of lacking) assert.ok(cure !== undefined && cure.length > 0, name);
    // A server runs here, so this is there; the usual port may be another's.
    assert.deepEqual(
      lacking.filter(({ name }) => !name.startsWith('port')),
      [],
    );
    assert.ok(findings.some(({ name, detail }) => name === 'Node 26' && /26\.\d+/.test(detail)));
  });

  it('says what to do when there is no server', async () => {
    const child = spawn(HEARTH, ['ls'], {
      // The port of this machine that nothing listens on.
      env: { ...hearth.environment(), AWS_ENDPOINT_URL: 'http://127.0.0.1:1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close') as Promise<[number]>]);
    assert.equal(code, 1);
    assert.match(stderr, /127\.0\.0\.1:1/);
    assert.match(stderr, /Hint: .*hearth up/);
  });
});
