import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  encodeFrame,
  encodeJson,
  FrameDecoder,
  type FromAgent,
  INITIAL_CREDIT,
  Kind,
  MAX_TRANSFERS,
} from '@hearth/protocol';
import { Link, type TransferSink } from './link.ts';

const PIECE = Buffer.alloc(64 * 1024, 'x');

/** The server's end of a link, which sends no more than it is granted. */
class Server implements AsyncDisposable {
  readonly #directory = fs.mkdtempSync(join(tmpdir(), 'hearth-link-'));
  readonly #server = createServer();
  readonly #closed = Promise.withResolvers<void>();
  readonly #sent = Promise.withResolvers<void>();
  /** Resolves when the code was sent to its end. */
  readonly ended = this.#sent.promise;
  readonly grants: number[] = [];
  onAsked: (stream: number) => void = () => {};
  #peer!: Socket;
  link!: Link;

  /** @param bytes length of each piece of code. */
  async open(bytes: number): Promise<this> {
    const path = join(this.#directory, 'socket');
    this.#server.listen(path);
    await once(this.#server, 'listening');
    this.link = new Link(path, 'token', () => {}, this.#closed.resolve);
    [this.#peer] = (await once(this.#server, 'connection')) as [Socket];
    let left = bytes;
    let credit = INITIAL_CREDIT;
    const decoder = new FrameDecoder((kind, credited, payload) => {
      if (kind === Kind.hello) return;
      let stream = credited;
      if (kind === Kind.credit) {
        this.grants.push(payload.readUInt32LE(0));
        credit += payload.readUInt32LE(0);
      } else {
        const message = JSON.parse(payload.toString()) as FromAgent;
        assert.ok(message.type === 'fetch-code');
        stream = message.stream;
        this.onAsked(stream);
      }
      const before = left;
      for (; left > 0 && credit > 0; left -= PIECE.length, credit -= PIECE.length) {
        this.#peer.write(encodeFrame(Kind.chunk, stream, PIECE));
      }
      if (before <= 0 || left > 0) return;
      this.#peer.write(encodeFrame(Kind.end, stream));
      this.#sent.resolve();
    });
    this.#peer.on('data', (data: Buffer) => decoder.push(data));
    return this;
  }

  refuse(stream: number): void {
    this.#peer.write(encodeJson(Kind.error, stream, { errorMessage: 'there is none' }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#peer.destroy();
    this.#server.close();
    await this.#closed.promise;
    fs.rmSync(this.#directory, { recursive: true });
  }
}

/** Fetches. @returns how many bytes came. */
function fetched(link: Link, write: TransferSink['write'] = () => Promise.resolve()): Promise<number> {
  let received = 0;
  return new Promise((resolve, reject) => {
    link.fetch('000000000000', 'sha256', {
      write: (piece) => {
        received += piece.length;
        return write(piece);
      },
      end: () => resolve(received),
      fail: reject,
    });
  });
}

test('a transfer longer than the first credit goes on to its end, and a grant is worth its frame', async () => {
  const bytes = 5 * INITIAL_CREDIT;
  await using server = await new Server().open(bytes);
  assert.equal(await fetched(server.link), bytes);
  assert.ok(server.grants.every((grant) => grant >= INITIAL_CREDIT / 2));
});

test('a short one needs no grant', async () => {
  await using server = await new Server().open(2 * PIECE.length);
  assert.equal(await fetched(server.link), 2 * PIECE.length);
  assert.deepEqual(server.grants, []);
});

test('a sink that refuses hears so once, and its transfer still comes to its end at the server', async () => {
  const bytes = 3 * INITIAL_CREDIT;
  await using server = await new Server().open(bytes);
  const failures: Error[] = [];
  let offered = 0;
  server.link.fetch('000000000000', 'sha256', {
    write: () => Promise.reject(new Error(`no room for piece ${offered++}`)),
    end: () => assert.fail('it is not whole'),
    fail: (error) => failures.push(error),
  });
  await server.ended;
  assert.equal(failures[0]?.message, 'no room for piece 0');
  assert.equal(failures.length, 1);
});

test('what the server does not have fails with what it says', async () => {
  await using server = await new Server().open(0);
  const coming = fetched(server.link);
  server.refuse(1);
  await assert.rejects(coming, /there is none/);
});

test(
  'no more transfers are asked for at once than the server lets be under way; the others follow',
  { timeout: 30_000 },
  async () => {
    await using server = await new Server().open(0);
    const asked: number[] = [];
    server.onAsked = (stream) => void asked.push(stream);
    const count = MAX_TRANSFERS + 3;
    const all = Promise.allSettled(Array.from({ length: count }, () => fetched(server.link)));
    while (asked.length < MAX_TRANSFERS) await turn();
    for (let turns = 0; turns < 10; turns++) await turn();
    assert.equal(asked.length, MAX_TRANSFERS);
    for (let ended = 1; ended <= count; ended++) {
      while (asked.length < Math.min(MAX_TRANSFERS + ended - 1, count)) await turn();
      assert.ok(asked.length <= MAX_TRANSFERS + ended - 1);
      server.refuse(ended);
    }
    assert.ok((await all).every(({ status }) => status === 'rejected'));
  },
);
