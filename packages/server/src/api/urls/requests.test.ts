/** What a function is told of a request: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { after, afterEach, before, test } from 'node:test';
import type { RelaySocket } from '../../auth/relay.ts';
import { ApiServer } from '../testing/api-server.ts';
import { call, createUrl } from './testing/url-server.ts';
import type { Sent } from './testing/url-server.ts';

let server: ApiServer;
let url: URL;
before(async () => {
  server = await ApiServer.start();
  url = await createUrl(server.client(), 'echo');
});
after(() => server[Symbol.asyncDispose]());
afterEach(() => {
  assert.deepEqual(server.failures, []);
  server.invocations.length = 0;
});

const MB = 1024 * 1024;

/** The event that a request becomes. */
async function eventOf(sent: Sent): Promise<any> {
  const answer = await call(server, url, sent);
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(server.invocations.at(-1)!.payload.toString());
}

test('an event has all that AWS’s has, and leaves out what has nothing to say', async () => {
  const event = await eventOf({ path: '/my/path', headers: { 'User-Agent': 'agent', 'X-A': 'b' } });
  const id = url.hostname.slice(0, 32);
  const { requestId } = server.invocations[0]!;
  const { 'x-amzn-trace-id': trace, ...headers } = event.headers;
  assert.match(trace, /^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/);
  assert.equal(server.invocations[0]!.traceId, trace);
  const { time, timeEpoch } = event.requestContext;
  assert.ok(Math.abs(timeEpoch - Date.now()) < 60_000);
  assert.match(time, /^\d\d\/[A-Z][a-z][a-z]\/20\d\d:\d\d:\d\d:\d\d \+0000$/);
  const at = String(time).replace(/^(\d+)\/(\w+)\/(\d+):(\S+) .*/, '$1 $2 $3 $4 GMT');
  assert.equal(Date.parse(at), Math.floor(timeEpoch / 1000) * 1000);
  assert.deepEqual(
    { ...event, headers },
    {
      version: '2.0',
      routeKey: '$default',
      rawPath: '/my/path',
      rawQueryString: '',
      headers: {
        host: url.host,
        'user-agent': 'agent',
        'x-a': 'b',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-port': url.port,
        'x-forwarded-proto': 'http',
      },
      requestContext: {
        accountId: 'anonymous',
        apiId: id,
        domainName: url.hostname,
        domainPrefix: id,
        http: { method: 'GET', path: '/my/path', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'agent' },
        requestId,
        routeKey: '$default',
        stage: '$default',
        time,
        timeEpoch,
      },
      isBase64Encoded: false,
    },
  );
});

test('path and query are as they were sent, parameters are decoded and those of one name joined', async () => {
  const event = await eventOf({ path: '/a%2Fb%20c/?x=1&x=2%20b&y=%26&z&+k=a+b&__proto__=p&bad=%zz' });
  assert.equal(event.rawPath, '/a%2Fb%20c/');
  assert.equal(event.requestContext.http.path, '/a%2Fb%20c/');
  assert.equal(event.rawQueryString, 'x=1&x=2%20b&y=%26&z&+k=a+b&__proto__=p&bad=%zz');
  assert.deepEqual(Object.entries(event.queryStringParameters), [
    ['x', '1,2 b'],
    ['y', '&'],
    ['z', ''],
    [' k', 'a b'],
    ['__proto__', 'p'],
    ['bad', '%zz'],
  ]);
  assert.equal((await eventOf({ path: '/?' })).queryStringParameters, undefined);
  // As a client writes it to a proxy (RFC 9112, section 3.2.2).
  assert.equal((await eventOf({ path: 'http://elsewhere.example/p?q=1' })).rawPath, '/p');
});

test('headers of one name are joined by commas, cookies are listed too', async () => {
  const event = await eventOf({
    headers: ['X-Two', '1', 'x-two', '2', 'Accept', 'a/b', 'Accept', 'c/d', 'Cookie', 'a=1; b=2', 'Cookie', 'c="3"'],
  });
  assert.equal(event.headers['x-two'], '1,2');
  assert.equal(event.headers.accept, 'a/b,c/d');
  assert.deepEqual(event.cookies, ['a=1', 'b=2', 'c="3"']);
  assert.equal(event.headers.cookie, 'a=1; b=2; c="3"');
});

test('what a client says of its connection is not passed on, and nobody can make up where a request comes from', async () => {
  const event = await eventOf({
    headers: {
      connection: 'close',
      te: 'trailers',
      'x-forwarded-for': '8.8.8.8',
      'x-forwarded-proto': 'https',
      'x-amzn-trace-id': 'Root=1-2-3',
      __proto__x: '1',
    },
  });
  assert.equal(event.headers.connection, undefined);
  assert.equal(event.headers.te, undefined);
  assert.equal(event.headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(event.headers['x-forwarded-proto'], 'http');
  assert.equal(event.headers['x-amzn-trace-id'], 'Root=1-2-3', 'a trace goes on');
  assert.equal(server.invocations[0]!.traceId, 'Root=1-2-3');
});

test('a body is text where its type says so and it is text, else base64', async () => {
  const cases: [string | undefined, Buffer | string, boolean][] = [
    ['text/plain; charset=utf-8', 'naïve "quoted" \u0001 \\ ☃', true],
    ['TEXT/HTML', '<p>', true],
    ['application/json', '{"a":"é"}', true],
    ['application/json ; charset=utf-8', '1', true],
    ['application/xml', '<a/>', true],
    ['application/javascript', '1', true],
    ['application/x-www-form-urlencoded', 'a=1&b=2', false],
    ['application/jsonp', '1', false],
    ['application/octet-stream', Buffer.from([0, 255, 128, 10]), false],
    [undefined, 'no type', false],
    // Not UTF-8, whatever its type says.
    ['text/plain', Buffer.from([0xc3, 0x28]), false],
    ['multipart/form-data; boundary=x', '--x--', false],
  ];
  for (const [type, body, isText] of cases) {
    const event = await eventOf({ method: 'POST', body, headers: type === undefined ? {} : { 'content-type': type } });
    assert.equal(event.isBase64Encoded, !isText, type ?? 'no type');
    assert.deepEqual(
      Buffer.from(event.body, isText ? 'utf8' : 'base64'),
      Buffer.from(body as string),
      type ?? 'no type',
    );
    assert.equal(event.requestContext.http.method, 'POST');
  }
  const zipped = await eventOf({
    method: 'POST',
    body: 'x',
    headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' },
  });
  assert.equal(zipped.isBase64Encoded, true);
  assert.equal('body' in (await eventOf({ method: 'POST', headers: { 'content-type': 'text/plain' } })), false);
});

test('long bodies reach the function whole, in characters and in bytes', async () => {
  // Characters of 1 to 4 bytes, so that slices end within them.
  const words = 'a☃\\é"😀\n'.repeat(40_000);
  for (let shift = 0; shift < 4; shift++) {
    const body = 'x'.repeat(shift) + words;
    const event = await eventOf({ method: 'PUT', body, headers: { 'content-type': 'text/plain' } });
    assert.equal(event.body, body);
  }
  for (const length of [98_303, 98_304, 98_305, 98_306, 4 * MB + 1]) {
    const bytes = randomBytes(length);
    const event = await eventOf({ method: 'PUT', body: bytes });
    assert.ok(Buffer.from(event.body, 'base64').equals(bytes), `${length} bytes`);
  }
});

test('a body may have 6 MB, as the event has it', async () => {
  const { body } = await eventOf({
    method: 'POST',
    body: 'x'.repeat(6 * MB - 2),
    headers: { 'content-type': 'text/plain' },
  });
  assert.equal(body.length, 6 * MB - 2);
  server.invocations.length = 0;
  for (const sent of [
    { body: Buffer.alloc(6 * MB + 1), headers: { 'content-type': 'text/plain' } },
    // 6 MB and more of base64, or with what is escaped.
    { body: Buffer.alloc(5 * MB) },
    { body: Buffer.alloc(2 * MB), headers: { 'content-type': 'text/plain' } },
    { body: Buffer.alloc(6 * MB + 1), headers: { 'transfer-encoding': 'chunked' } },
  ]) {
    const answer = await call(server, url, { method: 'POST', ...sent });
    assert.equal(answer.status, 413, answer.text);
    assert.equal(answer.headers['x-amzn-errortype'], 'RequestTooLargeException');
  }
  assert.equal(server.invocations.length, 0);
});

test('a URL by path is another way to the same function, told of its prefix', async () => {
  const id = url.hostname.slice(0, 32);
  const seen: string[] = [];
  for (const path of ['', '/', '?q=1', '/a/b?q=1', '/../../fleet']) {
    const answer = await call(server, new URL(server.url), { path: `/_hearth/url/${id}${path}` });
    assert.equal(answer.status, 200, answer.text);
    const event = JSON.parse(server.invocations.at(-1)!.payload.toString());
    assert.equal(event.requestContext.apiId, id);
    assert.equal(event.headers['x-forwarded-prefix'], `/_hearth/url/${id}`);
    seen.push(`${event.rawPath} ${event.rawQueryString}`);
  }
  assert.deepEqual(seen, ['/ ', '/ ', '/ q=1', '/a/b q=1', '/../../fleet ']);
});

test('what is no URL is forbidden, by host and by path, and nothing else answers there', async () => {
  const id = url.hostname.slice(0, 32);
  const none = 'a'.repeat(32);
  for (const [host, path] of [
    [`${none}.lambda-url.us-east-1.localhost`, '/'],
    [`${id}.lambda-url.eu-west-1.localhost`, '/'],
    [`${id}.lambda-url..localhost`, '/'],
    [`${none}.lambda-url.us-east-1.localhost`, '/_hearth/fleet'],
    [`${none}.lambda-url.us-east-1.localhost`, '/2015-03-31/functions/'],
    ['localhost', `/_hearth/url/${none}/`],
    ['localhost', `/_hearth/url/${id}x/`],
    ['localhost', '/_hearth/url/'],
  ] as const) {
    const answer = await call(server, new URL(server.url), { path, headers: { host } });
    assert.equal(answer.status, 403, `${host}${path}`);
    assert.equal(answer.text, '{"Message":"Forbidden"}');
    assert.equal(answer.headers['x-amzn-errortype'], 'AccessDeniedException');
    assert.match(answer.headers['x-amzn-requestid'] as string, /^[0-9a-f-]{36}$/);
  }
  // Whatever the path, a URL's host has its function alone.
  for (const path of ['/2015-03-31/functions/', '/_hearth/fleet', '/2015-03-31/functions/echo/invocations']) {
    assert.equal((await eventOf({ path })).rawPath, path);
    assert.equal((await eventOf({ path, method: 'POST', body: '{}' })).rawPath, path);
  }
});

test('AWS’s own names are taken too, others only where they are this machine’s', async () => {
  const label = url.hostname.slice(0, -'.localhost'.length);
  for (const [host, status] of [
    [`${label}.on.aws`, 200],
    [`${label}.on.aws:8443`, 200],
    [`${label}.evil.example`, 403],
    [`${label}.on.aws.evil.example`, 403],
  ] as const) {
    assert.equal((await call(server, url, { headers: { host } })).status, status, host);
  }
});

test('several requests follow each other on one connection, sent at once or slowly', async () => {
  const socket = connect(Number(url.port), '127.0.0.1');
  const answers = text(socket);
  const head = (path: string, more: string) => `POST ${path} HTTP/1.1\r\nHost: ${url.host}\r\n${more}\r\n`;
  socket.write(head('/1', 'Content-Length: 0\r\n') + head('/2', 'Content-Length: 4\r\n'));
  for (const letter of 'slow') {
    await wait(5);
    socket.write(letter);
  }
  socket.write(head('/3', 'Content-Length: 3\r\nConnection: close\r\n') + 'end');
  const bodies = (await answers).split('\r\n\r\n').slice(1);
  assert.equal(bodies.length, 3);
  assert.deepEqual(
    server.invocations.map(({ payload }) => {
      const { rawPath, body = '' } = JSON.parse(payload.toString()) as { rawPath: string; body?: string };
      return `${rawPath} ${Buffer.from(body, 'base64').toString()}`;
    }),
    ['/1 ', '/2 slow', '/3 end'],
  );
});

test('a client that goes away in the middle of its request invokes nothing', async () => {
  const socket = connect(Number(url.port), '127.0.0.1');
  socket.write(`POST / HTTP/1.1\r\nHost: ${url.host}\r\nContent-Length: 10\r\n\r\nhalf`);
  await wait(20);
  socket.destroy();
  await call(server, url, { path: '/after' });
  assert.equal(server.invocations.length, 1);
});

test('a function reaches a URL by path at the address that it has of the API', async () => {
  const bind = (socket: RelaySocket) => void (socket.hearthAccount = '111111111111');
  server.server.on('connection', bind);
  try {
    const path = `/_hearth/url/${url.hostname.slice(0, 32)}/inside`;
    const answer = await call(server, url, { path, headers: { host: '169.254.100.1', connection: 'close' } });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(JSON.parse(server.invocations[0]!.payload.toString()).rawPath, '/inside');
  } finally {
    server.server.off('connection', bind);
  }
});
