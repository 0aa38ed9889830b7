/** Functions reached over HTTP: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html, in real sandboxes. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { after, before, describe, it } from 'node:test';
import { CreateFunctionUrlConfigCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { CreateFunctionUrlConfigCommandInput } from '@aws-sdk/client-lambda';
import { SignatureV4 } from '@smithy/signature-v4';
import { eventually } from './testing/eventually.ts';
import { Hearth } from './testing/hearth.ts';
import { packageClosure } from './testing/package-closure.ts';

const run = promisify(execFile);
const MB = 1024 * 1024;

/** What a page's own site would run: a form with a file, a cookie, a redirect, an error of its own. */
const EXPRESS = `
  const express = require('express');
  const serverless = require('serverless-http');
  const app = express();
  app.get('/', (request, response) => {
    response.cookie('seen', 'yes', { httpOnly: true }).cookie('theme', 'dark').send('<h1>naïve ☃</h1>');
  });
  app.get('/items/:id', (request, response) => {
    response.json({ id: request.params.id, query: request.query, cookie: request.headers.cookie, ip: request.ip });
  });
  app.post('/forms', express.urlencoded({ extended: true }), (request, response) => response.status(201).json(request.body));
  app.post('/json', express.json({ limit: '6mb' }), (request, response) => response.json({ keys: Object.keys(request.body) }));
  app.put('/bytes', express.raw({ type: () => true, limit: '6mb' }), (request, response) => {
    response.type('application/octet-stream').send(Buffer.from(request.body).reverse());
  });
  app.get('/elsewhere', (request, response) => response.redirect(303, '/items/9'));
  app.get('/broken', () => { throw new Error('broken'); });
  exports.handler = serverless(app, { binary: ['application/octet-stream'] });`;

const PLAIN = `
  export const handler = async (event) => {
    const { rawPath } = event;
    if (rawPath === '/throw') throw new Error('secret');
    if (rawPath === '/exit') process.exit(1);
    if (rawPath === '/malformed') return { statusCode: 200, body: { not: 'text' } };
    if (rawPath === '/large') return { statusCode: 200, headers: { 'content-type': 'text/plain' }, body: 'x'.repeat(6 * 1024 * 1024 - 200) };
    if (rawPath === '/larger') return 'x'.repeat(6 * 1024 * 1024 + 200);
    if (rawPath === '/count') return { bytes: Buffer.byteLength(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8') };
    if (rawPath === '/slow') {
      globalThis.slow = 'begun';
      console.log('slow begins');
      await new Promise((resolve) => setTimeout(resolve, 1000));
      console.log('slow ends');
      return 'late';
    }
    return event;
  };`;

const STREAMS = `
  export const handler = awslambda.streamifyResponse(async (event, stream) => {
    if (event.rawPath === '/breaks') {
      stream.write('half');
      await new Promise((resolve) => setTimeout(resolve, 100));
      throw new Error('secret');
    }
    const head = { statusCode: 203, headers: { 'content-type': 'text/html' }, cookies: ['a=1'] };
    stream = awslambda.HttpResponseStream.from(stream, head);
    stream.write('first ');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    stream.end('second');
  });`;

describe('a function URL', () => {
  let hearth: Hearth;
  let express: URL;
  let plain: URL;

  before(async () => {
    hearth = await Hearth.start();
    await hearth.create(
      'express',
      { 'index.js': EXPRESS, ...packageClosure('express', 'serverless-http') },
      { MemorySize: 512 },
    );
    await hearth.create('plain', PLAIN, { MemorySize: 512, Timeout: 10 });
    express = await createUrl('express');
    plain = await createUrl('plain', {
      Cors: {
        AllowOrigins: ['https://shop.example'],
        AllowMethods: ['GET', 'PUT'],
        AllowHeaders: ['x-shop'],
        MaxAge: 60,
      },
    });
  });
  after(() => hearth[Symbol.asyncDispose]());

  async function createUrl(
    name: string,
    settings: Partial<CreateFunctionUrlConfigCommandInput> = {},
    client: LambdaClient = hearth.client(),
  ): Promise<URL> {
    const made = await client.send(
      new CreateFunctionUrlConfigCommand({ FunctionName: name, AuthType: 'NONE', ...settings }),
    );
    return new URL(made.FunctionUrl!);
  }

  /** curl, which knows by itself that all names under localhost are this machine. */
  async function curl(url: URL, ...args: string[]): Promise<{ status: number; head: string; body: Buffer }> {
    const options = { encoding: 'buffer', maxBuffer: 20 * MB } as const;
    const resolve = ['--resolve', `${url.hostname}:${url.port}:127.0.0.1`];
    const { stdout } = await run('curl', ['-s', '-i', '--max-time', '30', ...resolve, ...args], options);
    let end = stdout.indexOf('\r\n\r\n');
    // Before the answer comes leave to send the body, where curl has asked for it.
    const start = stdout.indexOf('HTTP/1.1 100 ') === 0 ? end + 4 : 0;
    if (start > 0) end = stdout.indexOf('\r\n\r\n', start);
    const head = stdout.subarray(start, end).toString();
    return { status: Number(head.split(' ')[1]), head, body: stdout.subarray(end + 4) };
  }

  it('serves an Express app: pages, cookies, parameters, forms, JSON, bytes, redirects, errors (T18)', async () => {
    const page = await curl(express, express.href);
    assert.equal(page.status, 200, page.head);
    assert.equal(page.body.toString(), '<h1>naïve ☃</h1>');
    assert.match(page.head, /^content-type: text\/html; charset=utf-8\r$/im);
    assert.match(page.head, /^set-cookie: seen=yes; Path=\/; HttpOnly\r$/im);
    assert.match(page.head, /^set-cookie: theme=dark; Path=\/\r$/im);

    const item = await curl(express, '-b', 'a=1; b=2', `${express.href}items/a%20b?colour=red&colour=blue&size=%C3%A9`);
    const { ip, ...seen } = JSON.parse(item.body.toString());
    assert.deepEqual(seen, { id: 'a b', query: { colour: ['red', 'blue'], size: 'é' }, cookie: 'a=1; b=2' });
    assert.match(ip, /127\.0\.0\.1/);

    const form = await curl(express, '-d', 'name=lamp&name=table&price=3', `${express.href}forms`);
    assert.equal(form.status, 201);
    assert.deepEqual(JSON.parse(form.body.toString()), { name: ['lamp', 'table'], price: '3' });

    const redirect = await curl(express, '-L', `${express.href}elsewhere`);
    assert.match(redirect.head, /^HTTP\/1.1 303 /);
    assert.match(redirect.body.toString(), /"id":"9"/);
    assert.equal((await curl(express, `${express.href}broken`)).status, 500);
    assert.equal((await curl(express, `${express.href}none`)).status, 404);
  });

  it('takes JSON of nearly 6 MB and uploads in bytes, and sends as much', async () => {
    const directory = hearth.data;
    const json = JSON.stringify({ a: 'é'.repeat(2 * MB), b: 'x'.repeat(MB) });
    writeFileSync(join(directory, 'large.json'), json);
    const type = ['-H', 'content-type: application/json'];
    const large = await curl(
      express,
      ...type,
      '--data-binary',
      `@${join(directory, 'large.json')}`,
      `${express.href}json`,
    );
    assert.deepEqual(JSON.parse(large.body.toString()), { keys: ['a', 'b'] }, large.head);

    const bytes = randomBytes(3 * MB);
    writeFileSync(join(directory, 'bytes'), bytes);
    // curl asks first whether it may send so much (Expect: 100-continue).
    const sent = await curl(
      express,
      '-T',
      join(directory, 'bytes'),
      '-H',
      'Expect: 100-continue',
      `${express.href}bytes`,
    );
    assert.ok(sent.body.equals(Buffer.from(bytes.toReversed())), `${sent.body.length} bytes: ${sent.head}`);

    writeFileSync(join(directory, 'too-large'), Buffer.alloc(6 * MB + 1, 'x'));
    const text = ['-H', 'content-type: text/plain', '-H', 'Expect:'];
    const refused = await curl(plain, ...text, '--data-binary', `@${join(directory, 'too-large')}`, plain.href);
    assert.equal(refused.status, 413, refused.body.toString());

    const page = await curl(plain, `${plain.href}large`);
    assert.equal(page.body.length, 6 * MB - 200);
    assert.equal((await curl(plain, `${plain.href}larger`)).status, 502);
  });

  it('answers HEAD as GET without its body', async () => {
    const { status, head, body } = await curl(express, '-I', express.href);
    assert.equal(status, 200);
    assert.match(head, /^content-type: text\/html/im);
    assert.match(head, /^content-length: 19\r$/im);
    assert.equal(body.length, 0);
  });

  it('keeps a connection for several requests', async () => {
    const { stdout } = await run('curl', [
      '-s',
      '--resolve',
      `${plain.hostname}:${plain.port}:127.0.0.1`,
      '-w',
      '\n%{num_connects}\n',
      ...['1', '2', '3'].flatMap((path) => ['-o', '/dev/null', `${plain.href}${path}`]),
    ]);
    assert.deepEqual(stdout.trim().split(/\n+/), ['1', '0', '0']);
  });

  it('answers preflights itself: an allowed origin may, a foreign one may not', async () => {
    const preflight = (origin: string) =>
      curl(
        plain,
        '-X',
        'OPTIONS',
        '-H',
        `Origin: ${origin}`,
        '-H',
        'Access-Control-Request-Method: PUT',
        `${plain.href}throw`,
      );
    const allowed = await preflight('https://shop.example');
    assert.equal(allowed.status, 200);
    assert.match(allowed.head, /^access-control-allow-origin: https:\/\/shop.example\r$/im);
    assert.match(allowed.head, /^access-control-allow-methods: GET,PUT\r$/im);
    assert.match(allowed.head, /^access-control-allow-headers: x-shop\r$/im);
    assert.match(allowed.head, /^access-control-max-age: 60\r$/im);
    assert.doesNotMatch((await preflight('https://evil.example')).head, /^access-control-/im);
  });

  it('tells of failures as AWS does, and no more', async () => {
    for (const path of ['throw', 'exit', 'malformed']) {
      const { status, body } = await curl(plain, plain.href + path);
      assert.deepEqual([status, body.toString()], [502, 'Internal Server Error'], path);
    }
    assert.equal((await curl(plain, plain.href)).status, 200);
  });

  it('is found by its path too, with a slow client', async () => {
    const id = plain.hostname.slice(0, 32);
    const socket = connect(hearth.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes) => (answer += bytes.toString()));
    socket.write(
      `POST /_hearth/url/${id}/count HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 8\r\n\r\n`,
    );
    for (let sent = 0; sent < 8; sent++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.write('x');
    }
    await eventually(() => assert.match(answer, /\r\n\r\n\{"bytes":8\}$/));
    assert.match(answer, /^content-security-policy: sandbox/im);
  });

  it('runs to its end when the client goes away, and its output is dropped', async () => {
    const socket = connect(hearth.port, '127.0.0.1');
    socket.write(`GET /slow HTTP/1.1\r\nHost: ${plain.host}\r\n\r\n`);
    const logged = async (text: string) => {
      const answer = await fetch(`${hearth.url}/_hearth/logs?function=plain`);
      assert.ok((await answer.text()).includes(text), text);
    };
    await eventually(() => logged('slow begins'));
    socket.destroy();
    await eventually(() => logged('slow ends'));
    assert.equal((await curl(plain, plain.href)).status, 200);
  });

  it('streams: the first piece is there while the function still runs, and a failure shows', async () => {
    await hearth.create('streams', STREAMS, { Timeout: 10 });
    const url = await createUrl('streams', { InvokeMode: 'RESPONSE_STREAM' });
    const resolve = ['--resolve', `${url.hostname}:${url.port}:127.0.0.1`];
    const reader = spawn('curl', ['-s', '-N', '-i', ...resolve, `${url.href}pieces`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let seen = '';
    let firstAt = 0;
    for await (const piece of reader.stdout) {
      seen += String(piece);
      if (firstAt === 0 && seen.endsWith('first ')) firstAt = performance.now();
    }
    // The function takes a second between the two.
    assert.ok(firstAt > 0 && performance.now() - firstAt > 500, seen);
    assert.match(seen, /^HTTP\/1.1 203 /);
    assert.match(seen, /^content-type: text\/html\r$/im);
    assert.match(seen, /^set-cookie: a=1\r$/im);
    assert.match(seen, /first second$/);
    await assert.rejects(curl(url, `${url.href}breaks`), { code: 18 });
  });

  it('says who has signed, where AWS_IAM asks for it', async () => {
    await hearth.create('guarded', PLAIN);
    const url = await createUrl('guarded', { AuthType: 'AWS_IAM' });
    const { status, body } = await curl(url, url.href);
    assert.deepEqual([status, body.toString()], [403, '{"Message":"Forbidden"}']);
    const signed = await sign(url, '/a%20b', 'x=1', 'hello');
    const answer = await curl(url, ...signed, '-d', 'hello', `${url.href}a%20b?x=1`);
    const event = JSON.parse(answer.body.toString());
    assert.equal(event.requestContext.authorizer.iam.userArn, 'arn:aws:iam::000000000000:root');
    assert.equal(Buffer.from(event.body, 'base64').toString(), 'hello');
  });
});

/** Node's own SHA-256 and HMAC in the form that AWS's signer takes. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as string);
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

/** The headers of a signature by AWS's own signer, as arguments of curl. */
async function sign(url: URL, path: string, query: string, body: string): Promise<string[]> {
  const signer = new SignatureV4({
    credentials: { accessKeyId: '000000000000', secretAccessKey: 'any' },
    region: 'us-east-1',
    service: 'lambda',
    sha256: Sha256,
  });
  const { headers } = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers: { host: url.host },
    body,
  });
  return Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
}
