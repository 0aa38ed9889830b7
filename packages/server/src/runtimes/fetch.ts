import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { NodePackage } from './catalogue.ts';
import { findNpm, networkVariables } from './npm.ts';

export interface FetchOptions {
  readonly what: NodePackage;
  /** An empty directory of this fetch's own, on the same disk as `target`. It is left to the caller to remove. */
  readonly stage: string;
  /** Where the runtime goes; must not be there. */
  readonly target: string;
  /** Of this process: PATH, and how the network is reached. */
  readonly environment: NodeJS.ProcessEnv;
  /** For a `.npmrc`. */
  readonly settings: string;
  readonly signal: AbortSignal;
}

/** A runtime could not be fetched. */
export class FetchError extends Error {
  override name = 'FetchError';
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Of what npm says, the end is kept. Characters. */
const MAX_TEXT = 600;

/** Where npm unpacks the package, below the stage. */
export function unpackedNode(stage: string, { name }: NodePackage): string {
  return join(stage, 'node_modules', name, 'bin/node');
}

/**
 * Fetches a Node from the registry that npm is set up for, and puts it in its place in one step, once it is whole, has been
 * run, and is on disk.
 *
 * @throws FetchError
 */
export async function fetchRuntime(options: FetchOptions): Promise<void> {
  const { what, stage, target, signal } = options;
  const { name, version, integrity } = what;
  const root = { name: 'runtime', version: '0.0.0', dependencies: { [name]: version } };
  // npm installs what a lock says, and refuses an archive with another hash.
  const packages = { '': root, [`node_modules/${name}`]: { version, integrity } };
  const lock = { name: root.name, version: root.version, lockfileVersion: 3, requires: true, packages };
  fs.writeFileSync(join(stage, 'package.json'), JSON.stringify({ ...root, private: true }));
  fs.writeFileSync(join(stage, 'package-lock.json'), JSON.stringify(lock));
  fs.writeFileSync(join(stage, '.npmrc'), options.settings, { mode: 0o600 });
  await runNpm(options);
  const node = unpackedNode(stage, what);
  await checkBinary(node, version, signal);
  const whole = join(stage, 'whole');
  fs.mkdirSync(join(whole, 'bin'), { recursive: true });
  fs.renameSync(node, join(whole, 'bin/node'));
  fs.renameSync(join(stage, 'node_modules', name, 'LICENSE'), join(whole, 'LICENSE'));
  for (const path of [whole, join(whole, 'bin'), join(whole, 'bin/node')]) fs.chmodSync(path, 0o755);
  fs.chmodSync(join(whole, 'LICENSE'), 0o644);
  for (const path of [join(whole, 'bin/node'), join(whole, 'bin'), whole]) await sync(path);
  fs.renameSync(whole, target);
  await sync(join(target, '..'));
}

async function runNpm({ stage, environment, signal }: FetchOptions): Promise<void> {
  const npm = findNpm(environment, process.execPath);
  if (npm === undefined) {
    throw new FetchError('there is no npm on this machine', 'Install it (Debian: apt-get install npm) for all users.');
  }
  const cache = join(stage, 'cache');
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--no-bin-links'];
  const network = ['--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--loglevel=error'];
  const child = spawn(
    'setpriv',
    // It must not outlive this process: who comes next begins anew.
    ['--pdeathsig', 'KILL', '--', npm.command, ...npm.args, 'ci', ...flags, ...network],
    {
      cwd: stage,
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
      killSignal: 'SIGKILL',
      env: {
        ...networkVariables(environment),
        PATH: environment['PATH'],
        // The server's user may have neither a home nor a cache.
        HOME: stage,
        npm_config_cache: cache,
        npm_config_userconfig: join(stage, '.npmrc'),
      },
    },
  );
  const ended = once(child, 'close') as Promise<[number | null]>;
  ended.catch(() => undefined);
  const said = await text(child.stderr);
  const [code] = await ended.catch((error: Error) => {
    throw new FetchError(`npm could not be run: ${error.message}`, 'Start the server again, with npm on its PATH.');
  });
  if (code === 0) return;
  throw new FetchError(
    `npm could not fetch it: ${summary(said)}`,
    'Nothing is lost, and the next use tries again. See that this machine reaches the registry (npm ping), by a proxy if need be.',
  );
}

/** What npm said, without its log's whereabouts, in one line. */
function summary(said: string): string {
  const lines = said
    .split('\n')
    .map((line) => line.replace(/^npm (error|ERR!) ?/, '').trim())
    .filter((line) => line !== '' && !/complete log of this run|npm notice|-debug-\d/.test(line));
  return lines.join('; ').slice(0, MAX_TEXT) || 'it ended without a word';
}

async function checkBinary(node: string, version: string, signal: AbortSignal): Promise<void> {
  const child = spawn(node, ['--version'], { stdio: ['ignore', 'pipe', 'pipe'], env: {}, signal });
  const ended = once(child, 'close');
  ended.catch(() => undefined);
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended.catch(() => undefined);
  if (out.trim() === `v${version}`) return;
  throw new FetchError(
    `Node ${version} doesn't run on this machine: ${(errors || out).trim().slice(0, MAX_TEXT)}`,
    'Install what it names with the package manager of your system.',
  );
}

async function sync(path: string): Promise<void> {
  const handle = await fs.promises.open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
