/**
 * What the router adds to an invocation: CPU time of this process per warm invocation, with sandboxes in a child process
 * over Unix sockets. `node warm-path-benchmark.ts [INVOCATIONS] [SANDBOXES]`; add --cpu-prof for a profile.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeJson, FrameDecoder, Kind } from '@hearth/protocol';
import type { FromAgent, ToAgent } from '@hearth/protocol';
import { systemClock } from '../../instances/clock.ts';
import { LinkedInstance } from '../../instances/linked-instance.ts';
import type { Provider } from '../../instances/provider.ts';
import { MemoryCode, testSpec } from '../../instances/testing/spec.ts';
import { Fleet } from '../fleet.ts';
import { MemoryRecords } from './test-fleet.ts';

const invocations = Number(process.argv[2] ?? 200_000);
const sandboxes = Number(process.argv[3] ?? 8);
const directory = mkdtempSync(join(tmpdir(), 'hearth-warm-'));
const path = join(directory, 'instance.sock');
const tokens = Array.from({ length: sandboxes }, (_, index) => `token-${index}`);

const provider: Provider = {
  name: 'benchmark',
  async make(request) {
    const server = createServer((stream) => instance.accept(stream));
    server.listen(path);
    await once(server, 'listening');
    const instance: LinkedInstance = new LinkedInstance({
      provider: 'benchmark',
      request,
      token: 'agent',
      clock: systemClock,
      code: new MemoryCode(),
      makeVolumes: () => undefined,
      onRelay: (stream) => stream.destroy(),
      onLog: () => undefined,
      remove: () => Promise.resolve(void server.close()),
    });
    instance.freezer = {
      freeze: () => undefined,
      thaw: () => undefined,
      memory: () => ({ used: 1 << 20, max: 1 << 20 }),
    };
    const link = createConnection(path);
    const send = (message: FromAgent): void => void link.write(encodeJson(Kind.control, 0, message));
    link.write(encodeJson(Kind.hello, 0, { role: 'agent', token: 'agent', version: 'benchmark' }));
    let placed = 0;
    const decoder = new FrameDecoder((_kind, _stream, payload) => {
      const message = JSON.parse(payload.toString()) as ToAgent;
      if (message.type !== 'place') return;
      const slot = placed++;
      const times = { code: 0, sandbox: 0 };
      send({
        type: 'placed',
        sandbox: message.sandbox,
        connection: `c${slot}`,
        slot,
        path: 'spare',
        reason: '',
        times,
      });
    });
    link.on('data', (bytes: Buffer) => decoder.push(bytes));
    tokens.forEach((token, slot) => send({ type: 'spare', sandbox: `c${slot}`, token, slot }));
    send({ type: 'ready' });
    await instance.ready;
    return instance;
  },
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

let logged = 0;
const records = new MemoryRecords();
const record = records.begin('warm');
const fleet = new Fleet({
  provider,
  logs: { open: () => ({ write: (text) => void (logged += text.length), close: () => undefined }) },
  records: { begin: () => record, refused: () => undefined, end: () => undefined },
  credentialsFor: () => ({ accessKeyId: '', secretAccessKey: '', sessionToken: '' }),
  onLog: (_level, message) => process.stderr.write(`${message}\n`),
  warmInstances: 1,
  instanceMemoryMb: 100_000,
  instanceCpus: 1,
  maxMemoryMb: 100_000,
});
void fleet.start();
const child = spawn(process.execPath, [join(import.meta.dirname, 'echo-sandbox.ts'), path, ...tokens], {
  stdio: 'inherit',
});

const spec = testSpec({ code: { sha256: '0'.repeat(64), size: 0 } });
const payload = Buffer.from(JSON.stringify({ message: 'hello', at: 1 }));
const requestId = '11111111-2222-3333-4444-555555555555';
const run = async (count: number, lanes: number): Promise<void> => {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0)
      await fleet.invoke({ requestId, spec, reason: 'current', invokedArn: spec.functionArn, payload, tail: false });
  };
  await Promise.all(Array.from({ length: lanes }, lane));
};
await run(20_000, sandboxes);
for (const lanes of [sandboxes, 1]) {
  const started = performance.now();
  const before = process.cpuUsage();
  await run(invocations, lanes);
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - started) / 1000;
  const figures = [`user ${(user / invocations).toFixed(2)}`, `system ${(system / invocations).toFixed(2)}`];
  const each = ((user + system) / invocations).toFixed(2);
  process.stdout.write(
    `${lanes} at once: ${each} us of CPU each (${figures.join(', ')}), ${Math.round(invocations / seconds)}/s\n`,
  );
}
child.kill();
await fleet[Symbol.asyncDispose]();
rmSync(directory, { recursive: true });
process.exit(logged > 0 ? 0 : 1);
