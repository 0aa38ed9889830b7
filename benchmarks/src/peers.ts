import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, ServerProcess } from './server-process.ts';

const run = promisify(execFile);
const sources = join(import.meta.dirname, '..', 'peers');
const installed = join(import.meta.dirname, '..', '.peers');

export type PeerName = 'bare' | 'functions-framework' | 'workerd' | 'spawn';

/**
 * Installs the peers that come as packages, at the versions of `benchmarks/peers/package-lock.json`, unless they are
 * there. They live outside of the workspace because Hearth itself must not depend on them.
 *
 * @throws Error if npm fails
 */
export async function installPeers(progress: (text: string) => void): Promise<void> {
  const lock = await readFile(join(sources, 'package-lock.json'), 'utf8');
  const present = await readFile(join(installed, 'node_modules', 'lock-installed.json'), 'utf8').catch(() => '');
  if (lock === present) return;
  progress('installing functions-framework and workerd into benchmarks/.peers');
  await mkdir(installed, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) await copyFile(join(sources, file), join(installed, file));
  await run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], { cwd: installed });
  await copyFile(join(sources, 'package-lock.json'), join(installed, 'node_modules', 'lock-installed.json'));
}

/** Starts a peer on a free port of 127.0.0.1; every path echoes JSON. */
export async function startPeer(name: PeerName): Promise<ServerProcess> {
  const port = await freePort();
  return ServerProcess.start({ name, port, readyPath: '/', readyBody: '{}', ...command(name, port) });
}

function command(name: PeerName, port: number): { command: string; args: string[]; env?: Record<string, string> } {
  const modules = join(installed, 'node_modules');
  switch (name) {
    case 'bare':
    case 'spawn':
      return { command: process.execPath, args: [join(sources, `${name}.ts`)], env: { PORT: String(port) } };
    case 'functions-framework':
      return {
        command: process.execPath,
        args: [
          join(modules, '@google-cloud/functions-framework/build/src/main.js'),
          '--target=echo',
          `--source=${join(sources, 'functions-framework.cjs')}`,
          `--port=${port}`,
        ],
        // Its first use of a package.json above the source would otherwise look for a missing "main".
        env: { NODE_ENV: 'production' },
      };
    case 'workerd':
      return {
        command: join(modules, `@cloudflare/workerd-linux-${process.arch === 'arm64' ? 'arm64' : '64'}/bin/workerd`),
        args: ['serve', join(sources, 'workerd.capnp'), `--socket-addr=http=127.0.0.1:${port}`],
      };
  }
}
