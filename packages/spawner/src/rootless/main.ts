/**
 * The spawner's process where an ordinary user starts it. Takes what `../main.ts` takes, and turns into that as root of namespaces of
 * its own.
 */
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { execve, machineCgroup, writeFd } from '@hearth/linux';
import type { FromSpawner } from '@hearth/protocol';
import { PIPE_FD } from '../pipe.ts';
import { checkRequirements, Lack, NAMESPACES } from './requirements.ts';

const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`;

/** Finds the group to make groups in while the processes in it can still be seen and moved. */
function prepareCgroup(): void {
  try {
    for (const directory of Object.values(machineCgroup().directories)) fs.accessSync(directory, fs.constants.W_OK);
  } catch (error) {
    const { message } = error as Error;
    throw new Lack(message, 'systemd-run --user --scope -p Delegate=yes hearth up   (or: sudo hearth up)');
  }
}

try {
  checkRequirements();
  prepareCgroup();
  const program = join(dirname(import.meta.dirname), 'main.ts');
  // The user is root in there.
  const spawner = [process.execPath, '--no-warnings', program, process.argv[2] ?? '', '0'];
  execve('/usr/bin/unshare', ['unshare', ...NAMESPACES, '--', ...spawner], { PATH, HEARTH_ROOTLESS: '1' }, [
    0,
    1,
    2,
    PIPE_FD,
  ]);
} catch (error) {
  const { message, hint } =
    error instanceof Lack ? error : { message: (error as Error).message, hint: 'Run `hearth doctor`.' };
  const refused: FromSpawner = { type: 'refused', message, hint };
  writeFd(PIPE_FD, Buffer.from(`${JSON.stringify(refused)}\n`));
  process.exit(1);
}
