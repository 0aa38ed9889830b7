/**
 * Signals that function code sends to its own process, which is process 1 of its sandbox. AWS reports the end of a process by
 * a signal as `Runtime.ExitError`, `Runtime exited with error: signal: killed`
 * (https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html).
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SandboxPeer } from './testing/sandbox-peer.ts';

const esm = (text: string) => ({ files: { 'index.mjs': text } });
const handling = (body: string) => esm(`export const handler = async () => { ${body} };`);

describe('a signal that a function sends to itself', () => {
  const ending: [string, string, number][] = [
    ['process.kill(process.pid)', 'SIGTERM', 143],
    ["process.kill(process.pid, 'SIGINT')", 'SIGINT', 130],
    ['process.kill(process.pid, 1)', 'SIGHUP', 129],
    ["process.kill(process.pid, 'SIGUSR2')", 'SIGUSR2', 140],
    ["process.kill(process.pid, 'SIGKILL')", 'SIGKILL', 137],
    ["process.kill(0, 'SIGQUIT')", 'SIGQUIT', 131],
    ['process.abort()', 'SIGABRT', 134],
  ];
  for (const [code, signal, status] of ending) {
    test(`ends it: ${code}`, async () => {
      // Whatever the kernel would do is left out: what is tried is what happens where the kernel does nothing.
      const body = `process.on('exit', () => console.log('not this')); console.log('last words'); ${code}; return 'alive';`;
      await using peer = await SandboxPeer.ready({
        ...handling(body),
        execArgv: ['--import', 'data:text/javascript,process.kill = (pid, signal) => signal !== 0;'],
      });
      assert.equal(await peer.invoke(), undefined);
      assert.deepEqual(await peer.exited, { code: status, signal: null });
      assert.equal(peer.signal, signal);
      assert.match(peer.pendingLog, /\tlast words\n$/);
    });
  }

  test('goes to its listener where it has one', async () => {
    await using peer = await SandboxPeer.ready(
      esm(`export const handler = () => new Promise((resolve) => {
        process.once('SIGTERM', (name, number) => resolve([name, number]));
        process.kill(process.pid, 'SIGTERM');
        setTimeout(() => {}, 10_000);
      });`),
    );
    assert.deepEqual(await peer.json(), ['SIGTERM', 15]);
  });

  test('does nothing where that is its default, or where it only asks', async () => {
    await using peer = await SandboxPeer.ready(
      handling(`for (const signal of [0, 'SIGCHLD', 'SIGWINCH', 'SIGURG', 'SIGCONT']) process.kill(process.pid, signal);
        return 'alive';`),
    );
    assert.equal(await peer.json(), 'alive');
  });

  test('is checked as ever', async () => {
    await using peer = await SandboxPeer.ready(
      handling(`const codes = [];
        for (const call of [[process.pid, 'SIGNOTHING'], ['one'], [999_999_999]]) {
          try { process.kill(...call); } catch (error) { codes.push(error.code); }
        }
        return codes;`),
    );
    assert.deepEqual(await peer.json(), ['ERR_UNKNOWN_SIGNAL', 'ERR_INVALID_ARG_TYPE', 'ESRCH']);
  });

  test('is not what an exit with the status of one looks like', async () => {
    for (const status of [6, 7, 15]) {
      await using peer = await SandboxPeer.ready(handling(`process.exit(${status});`));
      assert.equal(await peer.invoke(), undefined);
      assert.equal((await peer.exited).code, status);
      assert.equal(peer.signal, status === 7 ? undefined : 'exit');
    }
  });

  test('to another process reaches that', async () => {
    await using peer = await SandboxPeer.ready(
      esm(`import { spawn } from 'node:child_process'; import { once } from 'node:events';
        export const handler = async () => {
          const child = spawn('sleep', ['100']);
          process.kill(child.pid, 'SIGKILL');
          return (await once(child, 'exit'))[1];
        };`),
    );
    assert.equal(await peer.json(), 'SIGKILL');
  });
});
