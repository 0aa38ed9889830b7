/**
 * Servers that functions reach as they reach any server of the world: on a network of their own behind the machine, which
 * only a route leads to. Functions can't reach the machine itself, nor its loopback.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

/** Of a network that is set aside for documentation, RFC 5737. */
const GATEWAY = '203.0.113.1';
/** Debian's user without rights of its own; PostgreSQL refuses to be root's. */
const NOBODY = '65534';
const PATH = '/usr/sbin:/sbin:/usr/bin:/bin';

export class Outside implements AsyncDisposable {
  readonly address = '203.0.113.2';
  readonly #name = `hearth-e2e-${process.pid}`;
  readonly #link = `he${process.pid}`;
  readonly #directory = fs.mkdtempSync('/var/tmp/hearth-e2e-outside-');
  readonly #servers: ChildProcess[] = [];

  constructor() {
    fs.chmodSync(this.#directory, 0o777);
    ip('netns', 'add', this.#name);
    ip('link', 'add', this.#link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.#name);
    ip('address', 'add', `${GATEWAY}/30`, 'dev', this.#link);
    ip('link', 'set', this.#link, 'up');
    // Hearth lets answers in where the machine's default route is; other interfaces are whoever's they are.
    fs.writeFileSync(`/proc/sys/net/ipv4/conf/${this.#link}/forwarding`, '1');
    const inside = ['-n', this.#name];
    ip(...inside, 'address', 'add', `${this.address}/30`, 'dev', 'eth0');
    ip(...inside, 'link', 'set', 'eth0', 'up');
    ip(...inside, 'link', 'set', 'lo', 'up');
    ip(...inside, 'route', 'add', 'default', 'via', GATEWAY);
  }

  /** A PostgreSQL server of Debian's packages, empty. @returns the URL of its database. */
  async postgres(): Promise<string> {
    const [version] = fs.readdirSync('/usr/lib/postgresql').toSorted().toReversed();
    const bin = `/usr/lib/postgresql/${version}/bin`;
    const data = join(this.#directory, 'postgres');
    const password = join(this.#directory, 'password');
    fs.writeFileSync(password, 'open sesame\n', { mode: 0o644 });
    this.#run(`${bin}/initdb`, '-D', data, '-U', 'shop', '--pwfile', password, '-A', 'scram-sha-256', '--no-sync');
    // Says nothing unless it ends by it.
    const settings = {
      log_min_messages: 'panic',
      listen_addresses: this.address,
      unix_socket_directories: this.#directory,
      fsync: 'off',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    fs.appendFileSync(join(data, 'pg_hba.conf'), 'host all all all scram-sha-256\n');
    this.#start(`${bin}/postgres`, '-D', data, ...options);
    await eventually(() => this.#run(`${bin}/pg_isready`, '-h', this.address, '-U', 'shop', '-q'));
    return `postgres://shop:open%20sesame@${this.address}:5432/postgres`;
  }

  /** A Redis server. @returns its URL. */
  async redis(): Promise<string> {
    this.#start(
      'redis-server',
      '--bind',
      this.address,
      '--protected-mode',
      'no',
      '--save',
      '',
      '--dir',
      this.#directory,
    );
    await eventually(() => this.#run('redis-cli', '-h', this.address, 'ping'));
    return `redis://${this.address}:6379`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      if (server.exitCode !== null || server.signalCode !== null) continue;
      const ended = once(server, 'exit');
      // PostgreSQL's order to stop at once; the others take it for what it is.
      server.kill('SIGQUIT');
      setTimeout(() => server.kill('SIGKILL'), 5000).unref();
      await ended;
    }
    ip('netns', 'delete', this.#name);
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }

  #start(...command: string[]): void {
    const [program = '', ...args] = this.#inside(command);
    const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env: { PATH, LC_ALL: 'C' } });
    this.#servers.push(server);
  }

  #run(...command: string[]): void {
    const [program = '', ...args] = this.#inside(command);
    execFileSync(program, args, { env: { PATH, LC_ALL: 'C' }, stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 });
  }

  /** `ip netns exec` and `setpriv` become the program, so that a signal to one is a signal to the other. */
  #inside(command: readonly string[]): string[] {
    const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    return ['ip', 'netns', 'exec', this.#name, 'setpriv', ...user, ...command];
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { env: { PATH }, stdio: ['ignore', 'ignore', 'pipe'] });
}
