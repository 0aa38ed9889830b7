import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { gunzipSync } from 'node:zlib';

/** The machine as the checks see it; tests put another in its place. */
export interface Machine {
  readonly uid: number;
  /** The user's name. */
  readonly user: string;
  readonly nodeVersion: string;
  readonly kernel: string;
  /** A file's bytes, or undefined where it can't be read. */
  read(path: string): Buffer | undefined;
  exists(path: string): boolean;
  writable(path: string): boolean;
  /** Runs a command to its end. @returns its exit code, or undefined where there is no such command. */
  run(command: string, args: string[]): Promise<number | undefined>;
  /** Tries to listen. @returns undefined, or the system's code of why not. */
  listen(host: string, port: number): Promise<string | undefined>;
  /** Whether a Hearth server answers there. */
  answers(host: string, port: number): Promise<boolean>;
}

/** No check takes longer than this; what does has failed. */
const CHECK_MS = 5000;

/** The machine this runs on. */
export function thisMachine(): Machine {
  return {
    uid: process.getuid?.() ?? -1,
    user: userName(),
    nodeVersion: process.versions.node,
    kernel: readText('/proc/sys/kernel/osrelease'),
    read: (path) => {
      try {
        return readFileSync(path);
      } catch {
        // Absent or forbidden: for a check it is the same.
        return undefined;
      }
    },
    exists: existsSync,
    writable: (path) => {
      try {
        accessSync(path, constants.W_OK);
        return true;
      } catch {
        return false;
      }
    },
    run: (command, args) =>
      new Promise((resolve) => {
        const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
        execFile(command, args, { env, timeout: CHECK_MS }, (error) => {
          if (error === null) resolve(0);
          else resolve(error.code === 'ENOENT' ? undefined : typeof error.code === 'number' ? error.code : 1);
        });
      }),
    listen: (host, port) =>
      new Promise((resolve) => {
        const probe = createServer();
        probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        probe.listen(port, host, () => probe.close(() => resolve(undefined)));
      }),
    answers: async (host, port) => {
      try {
        const signal = AbortSignal.timeout(1000);
        return (await fetch(`http://${host}:${port}/_hearth/health`, { signal })).ok;
      } catch {
        return false;
      }
    },
  };
}

/** In a container the user may have none. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/**
 * Whether the kernel has an option, built in or as a module that is there to load; undefined where the machine
 * doesn't tell.
 *
 * @param option its name in the kernel's configuration, `CONFIG_VETH`.
 * @param module the name of its module, `veth`.
 */
export function kernelHas(machine: Machine, option: string, module: string): boolean | undefined {
  if (machine.exists(`/sys/module/${module}`)) return true;
  const folder = `/lib/modules/${machine.kernel}`;
  for (const list of ['modules.builtin', 'modules.dep']) {
    if (machine.read(`${folder}/${list}`)?.toString().includes(`/${module}.ko`) === true) return true;
  }
  const packed = machine.read('/proc/config.gz');
  const config = packed === undefined ? machine.read(`/boot/config-${machine.kernel}`) : gunzipSync(packed);
  const value = new RegExp(`^${option}=(.)`, 'm').exec(config?.toString() ?? '')?.[1];
  if (value === 'y') return true;
  // A module that no list knows can't be loaded.
  if (config !== undefined) return false;
  return machine.exists(folder) ? false : undefined;
}
