import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ZipFile } from 'yazl';
import { systemClock } from '../../clock.ts';
import type { ConformanceSubject } from '../../conformance/provider-conformance.ts';
import type { Instance } from '../../provider.ts';
import { MemoryCode, testSpec } from '../../testing/spec.ts';
import { LocalProvider } from '../provider.ts';
import { SpawnerClient } from '../spawner-client.ts';

const ACCOUNT = '111111111111';
const CODE = `
let count = 0;
exports.echo = async (event) => event;
exports.count = async () => ++count;
`;

/** The local provider as the server has it: a real spawner, real instances. The code is in this process's memory only. */
export class RealSubject implements ConformanceSubject {
  readonly specs: ConformanceSubject['specs'];
  readonly tampered: ConformanceSubject['tampered'];
  readonly provider: LocalProvider;
  /** What the server would call its data directory. */
  readonly data: string;
  readonly #code: MemoryCode;
  readonly #spawner: SpawnerClient;
  readonly #ended: Promise<unknown[]>;

  private constructor(code: MemoryCode, zip: Buffer) {
    this.data = fs.mkdtempSync('/var/tmp/hearth-local-');
    fs.chmodSync(this.data, 0o711);
    this.#code = code;
    const ref = { sha256: code.put(ACCOUNT, zip), size: zip.length };
    const spec = (name: string, environment = {}) =>
      testSpec({ account: ACCOUNT, functionName: name, handler: `index.${name}`, environment, code: ref });
    this.specs = {
      echo: spec('echo'),
      count: spec('count'),
      exec: spec('echo', { NODE_OPTIONS: '--stack-trace-limit=20' }),
    };
    const wrong = '0'.repeat(64);
    code.put(ACCOUNT, zip, wrong);
    this.tampered = { ...this.specs.echo, code: { ...ref, sha256: wrong } };
    const program = fileURLToPath(import.meta.resolve('@hearth/spawner/main'));
    const command = [
      '--mount',
      '--propagation',
      'unchanged',
      process.execPath,
      '--no-warnings',
      program,
      this.data,
      String(process.getuid?.()),
    ];
    const child = spawn('unshare', command, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
    this.#ended = once(child, 'exit');
    this.#spawner = new SpawnerClient(child.stdio[3] as unknown as Duplex);
    this.provider = new LocalProvider({
      spawner: this.#spawner,
      runDirectory: join(this.data, 'run'),
      code,
      clock: systemClock,
      onRelay: (stream) => stream.destroy(),
      onLog: () => undefined,
    });
  }

  static async open(): Promise<RealSubject> {
    const zip = new ZipFile();
    zip.addBuffer(Buffer.from(CODE), 'index.js');
    zip.end();
    return new RealSubject(new MemoryCode(), await buffer(zip.outputStream));
  }

  fetches = (): number => this.#code.opened;

  kill = (instance: Instance): void => {
    process.kill(this.agentOf(instance), 'SIGKILL');
  };

  /** The agent's process. */
  agentOf(instance: Instance): number {
    const group = `/${this.#group}/${instance.id}/`;
    const pid = fs.readdirSync('/proc').find((name) => {
      try {
        if (!/^\d+$/.test(name) || !fs.readFileSync(`/proc/${name}/cgroup`, 'latin1').includes(group)) return false;
        return fs.readFileSync(`/proc/${name}/cmdline`, 'latin1').endsWith('agent.mjs\0');
      } catch {
        // It ended while it was looked at.
        return false;
      }
    });
    assert.ok(pid, `instance ${instance.id} has no agent`);
    return Number(pid);
  }

  async assertNoResidue(): Promise<void> {
    // A test may be over before the spawner has said a word.
    await this.#spawner.ready;
    for (const name of ['instances', 'run']) assert.deepEqual(fs.readdirSync(join(this.data, name)), [], name);
    const groups = fs.globSync(`/sys/fs/cgroup/{,*/}${this.#group}/*/`);
    assert.deepEqual(groups, []);
    const links = fs.readdirSync('/sys/class/net').filter((name) => name.startsWith(`hth${this.#installation}`));
    assert.deepEqual(links, []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.provider[Symbol.asyncDispose]();
    this.#spawner[Symbol.dispose]();
    assert.deepEqual(await this.#ended, [0, null]);
    assert.deepEqual(fs.globSync(`/sys/fs/cgroup/{,*/}${this.#group}`), []);
    fs.rmSync(this.data, { recursive: true, force: true });
  }

  /** By what the spawner names things. */
  get #installation(): string {
    return createHash('sha256').update(this.data).digest('hex').slice(0, 6);
  }

  get #group(): string {
    return `hearth-${this.#installation}`;
  }
}
