/**
 * Rehearses how code comes to an instance, so that the first function finds the way compiled, its modules loaded and its
 * memory touched: whole transfers over a real socket, unpacked on the real disk, mounted and unmounted again.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { MNT_DETACH, O_RDONLY, closeFd, openFd, umount } from '@hearth/linux';
import { encodeFrame, FrameDecoder, type FromAgent, Kind } from '@hearth/protocol';
import { CodeCache } from './code-cache/cache.ts';
import { Link } from './link/link.ts';
import { giveMounts } from './sandbox/mounts.ts';

/** After about ten times V8 has compiled what is used and Node has made what it makes lazily. */
const ROUNDS = 10;

const ACCOUNT = '000000000000';

/** A zip file with `lib/a.mjs`, deflated, `b.json`, stored, and the link `c` to it: the kinds of things that functions' archives hold. */
const ARCHIVE = Buffer.from(
  [
    'UEsDBBQAAAgIAAAAAAAlPyiILQAAAC8AAAAJAAAAbGliL2EubWpzS60oyC8qUUjOzysuUchIzEvJSS1SsFVILK7MS1bQSC1LzSvR',
    'VLC1UwCzrLkAUEsDBBQAAAgAAAAAAAAGsKHdAwAAAAMAAAAGAAAAYi5qc29ue30KUEsDBBQAAAgIAAAAAADOZEzACAAAAAYAAAAB',
    'AAAAY0vSyyrOzwMAUEsBAhQDFAAACAgAAAAAACU/KIgtAAAALwAAAAkAAAAAAAAAAAAAAKSBAAAAAGxpYi9hLm1qc1BLAQIUAxQA',
    'AAgAAAAAAAAGsKHdAwAAAAMAAAAGAAAAAAAAAAAAAACkgVQAAABiLmpzb25QSwECFAMUAAAICAAAAAAAzmRMwAgAAAAGAAAAAQAA',
    'AAAAAAAAAAAA/6F7AAAAY1BLBQYAAAAAAwADAJoAAACiAAAAAAA=',
  ].join(''),
  'base64',
);

/**
 * @param directory on the disk that code is kept on; made, and removed again.
 * @throws if it can't be written or mounted.
 */
export async function rehearse(directory: string): Promise<void> {
  fs.mkdirSync(directory);
  const socket = join(directory, 'socket');
  const server = createServer((peer) => serveCode(peer)).listen(socket);
  await once(server, 'listening');
  const ended = Promise.withResolvers<void>();
  const link: Link = new Link(socket, '', () => {}, ended.resolve);
  const [peer] = (await once(server, 'connection')) as [Socket];
  try {
    const code = { sha256: createHash('sha256').update(ARCHIVE).digest('hex'), size: ARCHIVE.length };
    for (let round = 0; round < ROUNDS; round++) {
      const room = join(directory, String(round));
      fs.mkdirSync(room);
      const cache = new CodeCache(room, (account, sha256, sink) => link.fetch(account, sha256, sink));
      rehearseMounting(await cache.get(ACCOUNT, code), room);
    }
  } finally {
    peer.destroy();
    server.close();
    await ended.promise;
    fs.rmSync(directory, { recursive: true });
  }
}

/** The server's part. */
function serveCode(peer: Socket): void {
  const decoder = new FrameDecoder((kind, _stream, payload) => {
    if (kind !== Kind.control) return;
    const message = JSON.parse(payload.toString()) as FromAgent;
    if (message.type !== 'fetch-code') return;
    peer.write(encodeFrame(Kind.chunk, message.stream, ARCHIVE));
    peer.write(encodeFrame(Kind.end, message.stream));
  });
  peer.on('data', (bytes: Buffer) => decoder.push(bytes));
}

/** Mounts code here instead of in a sandbox. */
function rehearseMounting(source: string, target: string): void {
  const here = openFd('/proc/self/ns/mnt', O_RDONLY);
  giveMounts(here, [{ source, target, readOnly: true }]);
  umount(target, MNT_DETACH);
  closeFd(here);
}
