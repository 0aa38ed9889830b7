/**
 * One spawner at a time works for a data directory. The one of a server that was killed is still removing what it made when the
 * next server starts, and would remove what that one's makes.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { lockFile } from '@hearth/linux';

const LOOK_MS = 20;

/**
 * Waits until no other process has claimed the directory. The claim lasts as long as this process.
 *
 * @throws Error where another one keeps it for longer than `limitMs`.
 */
export async function claimDirectory(directory: string, limitMs: number): Promise<void> {
  fs.mkdirSync(directory, { recursive: true });
  const file = fs.openSync(join(directory, 'spawner.lock'), 'w', 0o600);
  for (let waitedMs = 0; !lockFile(file); waitedMs += LOOK_MS) {
    if (waitedMs >= limitMs) {
      fs.closeSync(file);
      throw new Error(`another server is at work in ${directory}`);
    }
    await pause(LOOK_MS);
  }
}
