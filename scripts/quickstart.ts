/**
 * `npm run quickstart`: starts a server, deploys examples/hello, invokes it twice and says what to do next. Stays up
 * until Ctrl-C; with `-- --once` it stops after the invocations.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..');
const hearth = join(root, 'packages/cli/bin/hearth');
const isOnce = process.argv.includes('--once');
const port = process.env['HEARTH_PORT'] ?? '4566';
// With --once nothing is kept, so nothing of what a person has may be touched.
const data = isOnce ? mkdtempSync('/tmp/hearth-quickstart-') : undefined;
const environment: NodeJS.ProcessEnv = { ...process.env, HEARTH_PORT: port };
delete environment['AWS_ENDPOINT_URL'];

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs a command as a person would type it, and shows it. @returns what it answered. */
function run(...args: string[]): string {
  say(`\n$ hearth ${args.map((word) => (/[^\w./:-]/.test(word) ? `'${word}'` : word)).join(' ')}`);
  const answer = execFileSync(hearth, args, {
    cwd: root,
    env: environment,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  say(answer.trimEnd());
  return answer;
}

async function start(): Promise<ChildProcess> {
  say(`$ hearth up --port ${port}`);
  const flags = ['up', '--port', port, ...(data === undefined ? [] : ['--data', data])];
  const server = spawn(hearth, flags, { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(server, 'exit').then(([code]) => {
    throw new Error(`the server ended with code ${String(code)}`);
  });
  ended.catch(() => {});
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const { value } = (await Promise.race([lines.next(), ended])) as IteratorResult<string>;
  say(String(value));
  return server;
}

const server = await start();
const exited = once(server, 'exit');
// Ctrl-C reaches the server as well, which then ends in order.
process.on('SIGINT', () => {});
try {
  run('deploy', 'examples/hello', '--name', 'hello');
  run('invoke', 'hello', '{"name": "you"}');
  run('invoke', 'hello', '{"name": "you again"}');
  if (isOnce) server.kill('SIGTERM');
  else {
    say(`
The first call made a sandbox; the second found it warm. Try next, in another terminal:

  node_modules/.bin/hearth ps                       instances and sandboxes
  node_modules/.bin/hearth logs hello --follow      what the function logs
  node_modules/.bin/hearth deploy PATH              your own function: a folder, a zip or one file
  AWS_ENDPOINT_URL=http://127.0.0.1:${port} aws lambda list-functions

Ctrl-C stops the server.`);
  }
} catch (error) {
  server.kill('SIGTERM');
  process.exitCode = 1;
  say(String(error));
}
const [code] = (await exited) as [number | null];
if (data !== undefined) rmSync(data, { recursive: true, force: true });
if (code !== 0) process.exitCode = code ?? 1;
