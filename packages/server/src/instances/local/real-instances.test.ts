/** The local provider with a real spawner and real instances. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { providerConformance } from '../conformance/provider-conformance.ts';
import { RealSubject } from './testing/real-subject.ts';

const lacksRoot = process.getuid?.() !== 0 && 'the spawner needs root';
/** What of the machine an instance is meant to see, and the kernel's own files. */
const PROGRAMS = new Set(['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'proc', 'dev']);

if (lacksRoot === false) providerConformance('local', () => RealSubject.open());
else test('provider local', { skip: lacksRoot });

test("an agent sees nothing of the server's files: code comes over its link", { skip: lacksRoot }, async () => {
  await using subject = await RealSubject.open();
  fs.mkdirSync(join(subject.data, 'blobs'));
  for (const path of ['functions.db', 'blobs/canary']) fs.writeFileSync(join(subject.data, path), 'secret');
  const size = { memoryMb: 512, cpus: 1, runtimes: [], spares: 1, slots: 1, maxSandboxes: 4 };
  const [instance] = await Promise.all(['i-1', 'i-2'].map((id) => subject.provider.make({ id, ...size })));
  const agent = subject.agentOf(instance!);

  // Fourth field: where in its filesystem a mount's root is. See proc_pid_mountinfo(5).
  const mounted = fs
    .readFileSync(`/proc/${agent}/mountinfo`, 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[3] ?? [])
    // In a chroot more stands before it.
    .flatMap((root) => (root.includes(subject.data) ? root.slice(root.indexOf(subject.data)) : []));
  // Fetched runtimes are the same for everybody, and nobody in an instance may write there.
  assert.deepEqual(
    mounted.toSorted(),
    ['instances/i-1/disk', 'instances/i-1/volumes', 'run/i-1.sock', 'runtimes'].map((path) => join(subject.data, path)),
  );
  const root = `/proc/${agent}/root`;
  assert.match(
    fs.readFileSync(`/proc/${agent}/mountinfo`, 'utf8'),
    / \/opt\/hearth\/runtimes ro,nosuid,nodev/,
    'the runtimes are mounted read-only',
  );
  assert.equal(fs.existsSync(join(root, subject.data)), false);
  const names = fs
    .readdirSync(root)
    .filter((name) => !PROGRAMS.has(name))
    .flatMap((name) => [...walk(join(root, name))]);
  assert.ok(names.includes(join(root, 'run/hearth/server/sock')));
  assert.deepEqual(
    names.filter((path) => /canary|functions\.db|blobs|i-2/.test(path)),
    [],
  );

  const disk = join(root, 'var/hearth/code');
  assert.deepEqual(fs.readdirSync(disk), []);
  assert.equal(subject.fetches(), 0);
  const placed = new Promise<string>((resolve) =>
    instance!.listen({ onReport: ({ type }) => resolve(type), onStdio: () => undefined }),
  );
  instance!.assign(subject.specs.echo.account);
  instance!.send({ type: 'place', sandbox: 's-1', spec: subject.specs.echo });
  assert.equal(await placed, 'placed');
  assert.equal(subject.fetches(), 1);
  assert.deepEqual(fs.readdirSync(disk), [subject.specs.echo.code.sha256]);
});

test('an instance comes up whatever umask its spawner was started with', { skip: lacksRoot }, async () => {
  const umask = process.umask(0o077);
  try {
    await using subject = await RealSubject.open();
    const instance = await subject.provider.make({
      id: 'i-1',
      memoryMb: 512,
      cpus: 1,
      runtimes: [],
      spares: 1,
      slots: 1,
      maxSandboxes: 4,
    });
    const code = join(`/proc/${subject.agentOf(instance)}/root`, 'var/hearth/code');
    const placed = new Promise((resolve) => instance.listen({ onReport: resolve, onStdio: () => undefined }));
    instance.assign(subject.specs.echo.account);
    instance.send({ type: 'place', sandbox: 's-1', spec: subject.specs.echo });
    await placed;
    const folder = join(code, subject.specs.echo.code.sha256);
    assert.equal(fs.statSync(folder).mode & 0o777, 0o755);
    assert.equal(fs.statSync(join(folder, 'index.js')).mode & 0o777, 0o644);
  } finally {
    process.umask(umask);
  }
});

function* walk(path: string): Generator<string> {
  yield path;
  if (!fs.lstatSync(path).isDirectory()) return;
  for (const name of fs.readdirSync(path)) yield* walk(join(path, name));
}
