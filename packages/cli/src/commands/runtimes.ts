import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../cli-error.ts';
import { Server } from '../client/server.ts';
import { formatBytes } from '../output/amounts.ts';
import { progressBar } from '../output/progress.ts';
import { table } from '../output/table.ts';

/** As `GET /_hearth/runtimes` shows it. */
interface Runtime {
  name: string;
  version: string;
  state: 'ready' | 'absent' | 'fetching' | 'failed';
  /** Bytes. */
  size: number;
  fetched: number;
  path: string | null;
  error: { message: string; hint: string } | null;
}

const POLL_MS = 200;

const STATES = { ready: 'ready', absent: 'fetched at first use', fetching: 'being fetched', failed: 'not fetched' };

/** Shows the runtimes that a server has or could have. */
export async function runtimes(options: { json?: boolean }): Promise<void> {
  const found = await list(new Server());
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(found)}\n`);
    return;
  }
  const rows = found.map(({ name, version, state, size, path }) => [
    name,
    version,
    STATES[state],
    formatBytes(size),
    path ?? '-',
  ]);
  process.stdout.write(table(['RUNTIME', 'NODE', 'STATE', '>SIZE', 'WHERE'], rows));
  for (const { name, error } of found) {
    if (error !== null) process.stdout.write(`\n${name}: ${error.message}\nHint: ${error.hint}\n`);
  }
}

/** Has the server fetch a runtime ahead of its first use, and returns when it is there. */
export async function installRuntime(name: string, options: { json?: boolean }): Promise<void> {
  const server = new Server();
  const start = performance.now();
  let runtime = await server.json<Runtime>('POST', `/_hearth/runtimes/${encodeURIComponent(name)}`);
  const wasThere = runtime.state === 'ready';
  const bar = progressBar(`Fetching ${name} (Node ${runtime.version}, ${formatBytes(runtime.size)})`);
  try {
    while (runtime.state === 'fetching') {
      bar.show(runtime.fetched / runtime.size);
      await sleep(POLL_MS);
      runtime = (await list(server)).find((candidate) => candidate.name === name) ?? runtime;
    }
  } finally {
    bar.end();
  }
  if (runtime.state !== 'ready') {
    const { message, hint } = runtime.error ?? { message: 'the server has given it up', hint: 'Try again.' };
    throw new CliError(`${name} could not be fetched: ${message}`, { hint });
  }
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(runtime)}\n`);
    return;
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const how = wasThere ? 'was there already' : `is there after ${seconds} s`;
  process.stdout.write(`${name} (Node ${runtime.version}) ${how}: ${runtime.path}\n`);
}

async function list(server: Server): Promise<Runtime[]> {
  return (await server.json<{ runtimes: Runtime[] }>('GET', '/_hearth/runtimes')).runtimes;
}
