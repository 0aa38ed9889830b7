/** How long it takes from a saved file to the first answer of what was saved, with `hearth deploy --watch`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from './client.ts';
import { ACCOUNT, type Hearth } from './hearth.ts';

/** Between two saves, as a quick person makes them. */
const REST_MS = 300;
const LIMIT_MS = 10_000;

/**
 * Saves a file again and again while the command watches its folder, and invokes until the new code answers.
 *
 * @param command path of the `hearth` command
 * @returns milliseconds of each
 * @throws Error where one isn't live after 10 s
 */
export async function savesToLive(hearth: Hearth, command: string, count: number): Promise<number[]> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'hearth-bench-watched-'));
  const save = (edition: number): Promise<void> =>
    writeFile(join(folder.path, 'index.mjs'), `export const handler = async () => ${edition};\n`);
  await save(0);
  const env = { ...process.env, AWS_ENDPOINT_URL: hearth.url, AWS_ACCESS_KEY_ID: ACCOUNT, AWS_REGION: 'us-east-1' };
  const watching = spawn(command, ['deploy', folder.path, '--name', 'watched', '--watch'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    using client = new Client(1);
    const target = hearth.target('watched', '{}');
    await new Promise<void>((resolve) => {
      watching.stdout.on('data', (text: Buffer) => text.includes('Watching') && resolve());
    });
    const times: number[] = [];
    for (let edition = 1; edition <= count; edition++) {
      // What is to take over is warm, as it is for somebody who tries what he writes.
      await client.invoke(target);
      await delay(REST_MS);
      await save(edition);
      const savedAt = performance.now();
      while ((await client.invoke(target)).body !== String(edition)) {
        if (performance.now() - savedAt > LIMIT_MS)
          throw new Error(`save ${edition} was not live after ${LIMIT_MS} ms`);
      }
      times.push(performance.now() - savedAt);
    }
    return times;
  } finally {
    const ended = once(watching, 'exit');
    watching.kill('SIGINT');
    await ended;
  }
}
