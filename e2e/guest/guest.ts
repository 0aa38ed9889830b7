/**
 * A virtual machine for tests: Debian's cloud kernel under QEMU, with one processor, cgroup v2 only, this machine's files (read-only, with a
 * disk of the guest's own above them) and nothing else of it. Boots, runs one command, and is gone.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { initramfs } from './initramfs.ts';

/** Where scripts/setup.sh puts the guest's kernel. */
const MACHINE = join(import.meta.dirname, '.machine');
/** Software emulation boots in about 5 s, on a busy machine in several times that. */
const BOOT_LIMIT_MS = 90_000;
const KVM_LIMIT_MS = 10_000;

export interface GuestCommand {
  /** A POSIX shell script. */
  script: string;
  /** Hears what the command prints, both streams, as it comes: a line, with its newline. */
  onOutput: (line: string) => void;
  limitMs: number;
}

/** Why no guest can be started on this machine, or false. */
export function lacksGuest(): string | false {
  if (process.arch !== 'x64') return 'the guest is one of x86-64';
  return fs.existsSync(join(MACHINE, 'vmlinuz')) ? false : 'sh scripts/setup.sh test  brings the kernel of the guest';
}

/**
 * Runs a command as root in a guest.
 *
 * @returns its exit code. @throws with the kernel's last words where the guest doesn't come up, or ends early, or takes too long.
 */
export async function runInGuest(command: GuestCommand): Promise<number> {
  if (kvmMayWork()) {
    const attempt = await boot('kvm', command, KVM_LIMIT_MS);
    if (attempt.up) return exitCodeOf(attempt);
  }
  return exitCodeOf(await boot('tcg', command, BOOT_LIMIT_MS));
}

interface Attempt {
  /** Whether it came to the command. */
  up: boolean;
  code: number | undefined;
  problem: string;
}

function exitCodeOf({ code, problem }: Attempt): number {
  if (code === undefined) throw new Error(problem);
  return code;
}

/** It may be there and yet unable to run a guest: only a boot that succeeds says. */
function kvmMayWork(): boolean {
  try {
    fs.accessSync('/dev/kvm', fs.constants.R_OK | fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function boot(
  accelerator: 'kvm' | 'tcg',
  { script, onOutput, limitMs }: GuestCommand,
  bootLimitMs: number,
): Promise<Attempt> {
  const exitLine = `guest-exit-${process.pid}-${Date.now()}`;
  using log = new UnnamedFile();
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child=KILL', '--propagation', 'unchanged'];
  const host = ['sh', join(import.meta.dirname, 'host.sh'), MACHINE, accelerator];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'unshare', ...namespaces, ...host], {
    stdio: ['pipe', 'ignore', 'pipe', log.fd, 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  const ended = once(child, 'close');
  let late = '';
  const limit = (ms: number, what: string): NodeJS.Timeout =>
    setTimeout(() => {
      late = `${what} after ${ms / 1000} s`;
      child.kill('SIGKILL');
    }, ms);
  const booting = limit(bootLimitMs, 'the guest was not up');
  let running: NodeJS.Timeout | undefined;
  const attempt: Attempt = { up: false, code: undefined, problem: '' };
  let complaints = '';
  let rest = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const port = child.stdio[4] as Readable;
  port.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      if (!attempt.up) {
        attempt.up = line === 'up';
        clearTimeout(booting);
        running = limit(limitMs, 'the command had not ended');
      } else if (line.startsWith(exitLine)) {
        attempt.code = Number(line.slice(exitLine.length));
        // What the command has left running in there would keep the guest from powering off.
        child.kill('SIGKILL');
      } else onOutput(`${line}\n`);
    }
  });
  child.stdin!.on('error', () => {
    // It ended before it had read all: its own words say why.
  });
  // A subshell, so that an `exit` in the script is not the init's.
  child.stdin!.end(initramfs(MACHINE, `(\n${script}\n)\necho "${exitLine}$?"\n`));
  const [code, signal] = (await ended) as [number | null, string | null];
  clearTimeout(booting);
  clearTimeout(running);
  const reason = late === '' ? `QEMU ended (${signal ?? code})` : late;
  attempt.problem = `${reason}\n${complaints}${rest}\n${log.text().split('\n').slice(-40).join('\n')}`;
  return attempt;
}

/** A file without a name: whoever is killed leaves nothing. */
class UnnamedFile implements Disposable {
  readonly fd: number;

  constructor() {
    const path = join(tmpdir(), `hearth-guest-${process.pid}`);
    this.fd = fs.openSync(path, 'wx+', 0o600);
    fs.unlinkSync(path);
  }

  text(): string {
    return fs.readFileSync(`/proc/self/fd/${this.fd}`, 'utf8');
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.fd);
  }
}
