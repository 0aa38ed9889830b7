/** The way out of the spawner's own network namespace: `pasta`, which speaks for it with the sockets of an ordinary user. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { bindMount, CLONE_NEWNET, MNT_DETACH, umount, unshare } from '@hearth/linux';
import { linkIndex, linkNames, NetlinkSocket, setLinkUp } from '@hearth/linux/netlink';
import { hasProgram } from './requirements.ts';

/** Interface in the namespace. Not one of those that an instance's name. */
const NAME = 'uplink0';
const LIMIT_MS = 30_000;
const PAUSE_MS = 20;

/**
 * No ports of the machine appear in there and none of its own outside, and what goes to the gateway isn't led to the machine's
 * loopback. See pasta(1).
 */
const CLOSED = ['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none', '--no-map-gw'];

export interface OwnNetwork extends Disposable {
  /** Why it is connected to nothing; undefined where it is. */
  readonly problem: string | undefined;
}

/**
 * Puts this thread, and all that it starts from now on, into a new network namespace, and connects that.
 *
 * @param pin a path where the namespace can be mounted meanwhile: pasta may not look at other processes'.
 */
export async function enterOwnNetwork(pin: string): Promise<OwnNetwork> {
  // Started out here, it waits until there is a namespace to connect.
  const pasta = hasProgram('pasta') ? startPasta(pin) : undefined;
  unshare(CLONE_NEWNET);
  using route = NetlinkSocket.route();
  setLinkUp(route, linkIndex(route, 'lo'));
  if (pasta === undefined) {
    const problem = 'functions reach no network: `pasta` is not installed (Debian: apt-get install passt)';
    return { problem, [Symbol.dispose]: () => undefined };
  }
  fs.writeFileSync(pin, '');
  bindMount('/proc/self/ns/net', pin);
  let words = '';
  pasta.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
  const gone = Promise.withResolvers<void>();
  pasta.once('exit', () => gone.resolve());
  pasta.stdin.end('go\n');
  const problem = await Promise.race([
    untilThere(route),
    gone.promise.then(() => `functions reach no network: pasta said: ${words.trim().split('\n').at(-1)}`),
  ]);
  // What it was started for is done with; it ends with the process namespace at the latest, and doesn't keep this process.
  pasta.unref();
  pasta.stderr.destroy();
  return {
    problem,
    [Symbol.dispose]() {
      pasta.kill('SIGKILL');
      umount(pin, MNT_DETACH);
      fs.unlinkSync(pin);
    },
  };
}

function startPasta(netns: string): ChildProcessByStdio<Writable, null, Readable> {
  const options = ['--foreground', '--quiet', '--ipv4-only', '--config-net', '--ns-ifname', NAME, ...CLOSED];
  const command = ['pasta', ...options, '--netns-only', '--netns', netns];
  return spawn('sh', ['-c', 'read go && exec "$@"', 'sh', ...command], { stdio: ['pipe', 'ignore', 'pipe'] });
}

async function untilThere(route: NetlinkSocket<'route'>): Promise<string | undefined> {
  for (const end = performance.now() + LIMIT_MS; !linkNames(route).includes(NAME); await pause(PAUSE_MS)) {
    if (performance.now() > end) return `functions reach no network: pasta did nothing for ${LIMIT_MS / 1000} s`;
  }
  return undefined;
}
