/** Clients that mean harm, or don't know better: each gets its answer, and nobody else notices. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { CreateFunctionCommand, GetAccountSettingsCommand, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import type { ApiServerOptions } from '../testing/api-server.ts';
import { ApiServer, zipOf } from '../testing/api-server.ts';

const MB = 1024 * 1024;

/** A connection whose end is no error of the test's. */
function open(server: ApiServer): Socket {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => {});
  return socket;
}

/** Bytes in, all bytes of the answer out; lines of a head end in `\n` here. */
async function raw(server: ApiServer, ...parts: (string | Buffer)[]): Promise<string> {
  const socket = open(server);
  for (const part of parts) socket.write(typeof part === 'string' ? part.replaceAll('\n', '\r\n') : part);
  return text(socket).catch(() => 'broken off');
}

/** Checks an answer: this status and error, in the form of every other error. */
function isError(answer: string, status: number, code: string): void {
  const [head, body = ''] = answer.split('\r\n\r\n') as [string, string?];
  assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `), answer);
  assert.match(head, new RegExp(`\r\nx-amzn-errortype: ${code}`, 'i'), answer);
  assert.match(head, /\r\nx-amzn-requestid: [0-9a-f-]{36}/i);
  assert.match(head, /\r\ncontent-type: application\/json/i);
  const { Type: type, message, Message = message } = JSON.parse(body) as Record<string, unknown>;
  assert.equal(type, 'User');
  assert.equal(typeof Message, 'string');
}

/** A good client is served. */
const works = (server: ApiServer) => server.client().send(new GetAccountSettingsCommand({}));

async function withServer(run: (server: ApiServer) => Promise<void>, options?: ApiServerOptions): Promise<void> {
  await using server = await ApiServer.start(options);
  await run(server);
  await works(server);
  assert.deepEqual(server.failures, []);
}

const HEAD = 'Host: localhost\nConnection: close\n';
const FUNCTIONS = '/2015-03-31/functions';

test('what is no HTTP is answered like any other error', () =>
  withServer(async (server) => {
    const cases = [
      'nonsense\n\n',
      '\u0016\u0003\u0001\u0002\u0000\u0001',
      'GET / HTTP/9.9\n\n',
      `GET ${FUNCTIONS} HTTP/1.1\n${HEAD}no colon here\n\n`,
      `GET ${FUNCTIONS} HTTP/1.1\n${HEAD}x: a\u0000b\n\n`,
      `GET /a b c HTTP/1.1\n${HEAD}\n`,
      `GET ${FUNCTIONS} HTTP/1.1\nConnection: close\n\n`,
      `POST ${FUNCTIONS} HTTP/1.1\n${HEAD}Content-Length: x\n\n`,
      `POST ${FUNCTIONS} HTTP/1.1\n${HEAD}Content-Length: -1\n\n`,
      `POST ${FUNCTIONS} HTTP/1.1\n${HEAD}Content-Length: 1\nContent-Length: 2\n\n{}`,
      `POST ${FUNCTIONS} HTTP/1.1\n${HEAD}Content-Length: 2\nTransfer-Encoding: chunked\n\n{}`,
      `POST ${FUNCTIONS} HTTP/1.1\n${HEAD}Transfer-Encoding: chunked\n\nzz\n{}\n0\n\n`,
      `POST ${FUNCTIONS} HTTP/1.1\n${HEAD}Transfer-Encoding: chunked\n\nfffffffffffffffff\n{}\n0\n\n`,
      `POST ${FUNCTIONS} HTTP/1.1\n${HEAD}Transfer-Encoding: chunked\n\n2;${'x'.repeat(40_000)}\n{}\n0\n\n`,
      'CONNECT example.com:443 HTTP/1.1\nHost: example.com\n\n',
    ];
    for (const request of cases) isError(await raw(server, request), 400, 'BadRequestException');
  }));

test('headers that are too long or too many are 431', () =>
  withServer(async (server) => {
    const many = Array.from({ length: 201 }, (_, index) => `h${index}: 1\n`).join('');
    for (const headers of [`x: ${'y'.repeat(20_000)}\n`, `x: ${'y'.repeat(2 * MB)}\n`, many]) {
      isError(
        await raw(server, `GET ${FUNCTIONS}/ HTTP/1.1\n${HEAD}${headers}\n`),
        431,
        'RequestHeaderFieldsTooLargeException',
      );
    }
    isError(
      await raw(server, `GET /${'y'.repeat(20_000)} HTTP/1.1\n${HEAD}\n`),
      431,
      'RequestHeaderFieldsTooLargeException',
    );
    assert.match(
      await raw(server, `GET ${FUNCTIONS}/ HTTP/1.1\n${HEAD}x: ${'y'.repeat(10_000)}\n\n`),
      /^HTTP\/1.1 200 /,
    );
  }));

test('a head or a body that does not come whole in time is 408, and ends nobody else’s', () =>
  withServer(
    async (server) => {
      const slow = [
        raw(server, `GET ${FUNCTIONS} HTTP/1.1\nHost: loc`),
        raw(server, ''),
        raw(server, `POST ${FUNCTIONS} HTTP/1.1\n${HEAD}Content-Length: 1000\n\n{`),
        raw(server, `POST ${FUNCTIONS}/f/invocations HTTP/1.1\n${HEAD}Transfer-Encoding: chunked\n\n1\n{\n`),
      ];
      const dripping = open(server);
      dripping.write(`POST ${FUNCTIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n`);
      const drip = setInterval(() => dripping.write('x'), 20);
      slow.push(text(dripping).catch(() => 'broken off'));
      await works(server);
      for (const answer of await Promise.all(slow)) isError(answer, 408, 'RequestTimeoutException');
      clearInterval(drip);
    },
    { http: { headersTimeoutMs: 300, requestTimeoutMs: 600 } },
  ));

test('thousands who connect and do nothing, or hold a request half sent, keep nobody out', () =>
  withServer(
    async (server) => {
      const sockets: Socket[] = [];
      try {
        for (let index = 0; index < 1_500; index++) {
          const socket = open(server);
          sockets.push(socket);
          if (index % 3 === 1) socket.write('POST /2015-03-31/functions HTTP/1.1\r\nx: ');
          if (index % 3 === 2) socket.write('GET /_hearth/health HTTP/1.1\r\nHost: localhost\r\n\r\n');
          if (index % 100 === 99) await works(server);
        }
        await works(server);
        const left = await new Promise<number>((resolve, reject) => {
          server.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
        });
        assert.ok(left <= 300, `${left} connections`);
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    },
    { http: { maxConnections: 300 } },
  ));

test('a connection that waits for its answer is not closed for want of room: the newcomer is', () =>
  withServer(
    async (server) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.run = async ({ payload }) => (await promise, { payload, startPath: 'warm' });
      await server.client().send(
        new CreateFunctionCommand({
          FunctionName: 'f',
          Role: 'arn:aws:iam::000000000000:role/r',
          Runtime: 'nodejs26.x',
          Handler: 'index.handler',
          Code: { ZipFile: await zipOf({ 'index.js': '1' }) },
        }),
      );
      const invoke = `POST ${FUNCTIONS}/f/invocations HTTP/1.1\n${HEAD}Content-Length: 2\n\n{}`;
      const waiting = Array.from({ length: 20 }, () => raw(server, invoke));
      while (server.invocations.length < 20) await new Promise((next) => setImmediate(next));
      assert.match(await raw(server, invoke), /^$|broken off/);
      resolve();
      for (const answer of await Promise.all(waiting)) assert.match(answer, /^HTTP\/1.1 200 /);
    },
    { http: { maxConnections: 20 } },
  ));

test('long bodies that come at once take no more than their share, and short ones pass', () =>
  withServer(
    async (server) => {
      const head = `POST ${FUNCTIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${60 * MB}\r\n\r\n`;
      const slow = [open(server), open(server), open(server)];
      for (const socket of slow) {
        socket.write(head);
        socket.write(Buffer.alloc(3 * MB, 'x'));
      }
      const answers = slow.map(async (socket) => String(((await once(socket, 'data')) as [Buffer])[0]));
      // The first two may still wait; the last one is beyond what all may have.
      isError(await Promise.race(answers), 429, 'TooManyRequestsException');
      await works(server);
      for (const socket of slow) socket.destroy();
      const send = () =>
        raw(server, `POST ${FUNCTIONS} HTTP/1.1\n${HEAD}Content-Length: ${3 * MB}\n\n`, Buffer.alloc(3 * MB, 'x'));
      // As soon as the server has seen that they are gone.
      let long = await send();
      while (long.startsWith('HTTP/1.1 429')) long = await send();
      isError(long, 413, 'RequestEntityTooLargeException');
    },
    { maxBodyBytes: 10 * MB },
  ));

test('an upload that breaks off leaves nothing, and does nothing', () =>
  withServer(async (server) => {
    for (const part of ['', '{"FunctionName": "broken"', '{"FunctionName": "broken"}']) {
      const socket = open(server);
      socket.write(`POST ${FUNCTIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n${part}`);
      await new Promise((next) => setTimeout(next, 20));
      socket.destroy();
    }
    const { Functions: functions } = await server.client().send(new ListFunctionsCommand({}));
    assert.deepEqual(functions, []);
  }));

test('who asks first whether he may send his body is told before he sends it', () =>
  withServer(async (server) => {
    const ask = (path: string, length: number) =>
      `POST ${path} HTTP/1.1\r\n${HEAD.replaceAll('\n', '\r\n')}Expect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    const socket = open(server);
    socket.write(ask(FUNCTIONS, 2));
    const [go] = (await once(socket, 'data')) as [Buffer];
    assert.equal(String(go), 'HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('[]');
    isError(await text(socket), 400, 'SerializationException');
    isError(await raw(server, Buffer.from(ask(FUNCTIONS, 100 * MB))), 413, 'RequestEntityTooLargeException');
    isError(await raw(server, Buffer.from(ask('/nowhere', 2))), 404, 'UnknownOperationException');
  }));

test('requests sent ahead on one connection are answered in their order', () =>
  withServer(async (server) => {
    const one = 'GET /_hearth/version HTTP/1.1\nHost: localhost\n\n';
    const answer = await raw(server, one.repeat(50), `GET /nowhere HTTP/1.1\n${HEAD}\n`);
    const statuses = [...answer.matchAll(/HTTP\/1.1 (\d+) /g)].map(([, status]) => status);
    assert.deepEqual(statuses, [...Array.from({ length: 50 }, () => '200'), '404']);
    // What is garbage after a request does not take its answer away.
    assert.match(await raw(server, one, 'garbage\n\n'), /^HTTP\/1.1 (200|400) /);
  }));

test('who asks for another protocol is answered in this one, and his connection ends with that', () =>
  withServer(async (server) => {
    const request = `GET ${FUNCTIONS} HTTP/1.1\nHost: localhost\nConnection: upgrade\nUpgrade: websocket\n\n`;
    const answer = await raw(server, request, 'POST %2f HTTP/1.1\nHost: localhost\n\n');
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.match(answer, /\r\nconnection: close\r\n/i);
  }));

test('bodies in chunks, with trailers and without an end', () =>
  withServer(async (server) => {
    const chunked = `POST ${FUNCTIONS} HTTP/1.1\n${HEAD}Transfer-Encoding: chunked\nTrailer: x\n\n`;
    isError(await raw(server, `${chunked}1\n[\n1\n]\n0\nx: y\n\n`), 400, 'SerializationException');
    const small = `${'1\n \n'.repeat(50_000)}2\n[]\n0\n\n`;
    isError(await raw(server, chunked, small), 400, 'SerializationException');
    const socket = open(server);
    socket.write(chunked.replaceAll('\n', '\r\n'));
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(MB, ' '), Buffer.from('\r\n')]);
    const answer = once(socket, 'data').then(([bytes]) => String(bytes));
    const none = Symbol('no answer yet');
    // Some more than a request may have.
    for (let sent = 0; sent < 80; sent++) {
      if (!socket.write(chunk) && (await Promise.race([once(socket, 'drain').then(() => none), answer])) !== none)
        break;
    }
    isError(await answer, 413, 'RequestEntityTooLargeException');
    socket.destroy();
  }));
