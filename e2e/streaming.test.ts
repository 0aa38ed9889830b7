/**
 * Functions that stream their responses, through InvokeWithResponseStream.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  InvokeWithResponseStreamCommand,
  ListTagsCommand,
  TagResourceCommand,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
  type InvokeWithResponseStreamResponseEvent,
} from '@aws-sdk/client-lambda';
import { eventually } from './testing/eventually.ts';
import { Hearth, HEARTH, run, zipOf } from './testing/hearth.ts';
import { packageClosure } from './testing/package-closure.ts';

const MB = 1024 * 1024;

/** What all these functions have; function and test tell each other things by tags of the function. */
const PRELUDE = `
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { LambdaClient, ListTagsCommand, TagResourceCommand } from '@aws-sdk/client-lambda';
const lambda = new LambdaClient({});
const told = async (Resource, word) => {
  while ((await lambda.send(new ListTagsCommand({ Resource }))).Tags?.[word] === undefined) await pause(20);
};
const tell = (Resource, word, what) => lambda.send(new TagResourceCommand({ Resource, Tags: { [word]: String(what) } }));
`;

describe('a function that streams', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start({ runtimes: ['nodejs22.x', 'nodejs24.x'] });
  });

  after(() => hearth[Symbol.asyncDispose]());

  const arn = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;

  const tell = (name: string, word: string) =>
    hearth.client().send(new TagResourceCommand({ Resource: arn(name), Tags: { [word]: 'yes' } }));

  async function told(name: string, word: string): Promise<string> {
    return eventually(async () => {
      const { Tags } = await hearth.client().send(new ListTagsCommand({ Resource: arn(name) }));
      assert.ok(Tags?.[word] !== undefined, `${name} has not said ${word}`);
      return Tags[word];
    }, 60_000);
  }

  /** Creates a function whose handler streams by this body. */
  const create = (name: string, body: string, settings: Parameters<Hearth['create']>[2] = {}) =>
    hearth.create(
      name,
      `${PRELUDE}export const handler = awslambda.streamifyResponse(async (event, responseStream, context) => {
         const self = context.invokedFunctionArn;
         ${body}
       });`,
      { Timeout: 60, MemorySize: 256, ...settings },
    );

  async function stream(
    name: string,
    tail = false,
    event: object = {},
  ): Promise<AsyncIterableIterator<InvokeWithResponseStreamResponseEvent>> {
    const command = new InvokeWithResponseStreamCommand({
      FunctionName: name,
      Payload: JSON.stringify(event),
      ...(tail && { LogType: 'Tail' }),
    });
    const { EventStream } = await hearth.client().send(command);
    return EventStream![Symbol.asyncIterator]() as AsyncIterableIterator<InvokeWithResponseStreamResponseEvent>;
  }

  const textOf = ({ PayloadChunk }: InvokeWithResponseStreamResponseEvent) =>
    Buffer.from(PayloadChunk?.Payload ?? []).toString();

  /** All that comes: the text, and how it completed. */
  async function all(name: string, tail = false, event: object = {}) {
    let text = '';
    let complete: InvokeWithResponseStreamResponseEvent['InvokeComplete'];
    for await (const part of await stream(name, tail, event)) {
      assert.equal(complete, undefined, 'nothing after the end');
      text += textOf(part);
      complete = part.InvokeComplete;
    }
    return { text, complete };
  }

  it('is heard while it still runs', async () => {
    await create('causal', 'responseStream.write("first"); await told(self, "go"); responseStream.end("last");');
    const events = await stream('causal');
    const first = await events.next();
    assert.equal(textOf(first.value), 'first');
    // Only what was heard makes it go on.
    await tell('causal', 'go');
    const last = await events.next();
    assert.equal(textOf(last.value), 'last');
    assert.deepEqual((await events.next()).value, { InvokeComplete: {} });
  });

  it('V10: runs to its end on the code that it began with, though the function is updated meanwhile', async () => {
    await create('updated', 'responseStream.write("old"); await told(self, "go"); responseStream.end(" to the end");');
    const events = await stream('updated');
    assert.equal(textOf((await events.next()).value), 'old');
    const client = hearth.client();
    const ZipFile = await zipOf({
      'index.mjs': 'export const handler = awslambda.streamifyResponse(async (event, out) => { out.end("new"); });',
    });
    await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'updated', ZipFile }));
    await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 60, minDelay: 0.05 }, { FunctionName: 'updated' });
    assert.deepEqual(await all('updated'), { text: 'new', complete: {} });
    await tell('updated', 'go');
    assert.equal(textOf((await events.next()).value), ' to the end');
    assert.deepEqual((await events.next()).value, { InvokeComplete: {} });
  });

  it('streams the same on every runtime, and where Node is started anew', async () => {
    const body =
      'responseStream.write("a"); await pause(1); await pipeline(Readable.from(["b", "c"]), responseStream);';
    for (const [index, Runtime] of (['nodejs26.x', 'nodejs24.x', 'nodejs22.x'] as const).entries()) {
      for (const [kind, Variables] of Object.entries({ forked: {}, started: { NODE_OPTIONS: '--no-deprecation' } })) {
        const name = `${kind}-${index}`;
        await create(name, body, { Runtime, Environment: { Variables } });
        for (let count = 0; count < 3; count++) assert.deepEqual(await all(name), { text: 'abc', complete: {} });
        // Buffered, it is what was written.
        const { status, body: buffered } = await invokeRaw(name);
        assert.deepEqual([status, buffered], [200, 'abc']);
      }
    }
  });

  it('shows its log when it has completed', async () => {
    await create('tail', 'console.log("spoken"); responseStream.end("a");');
    const { complete } = await all('tail', true);
    const log = Buffer.from(complete!.LogResult!, 'base64').toString();
    assert.match(log, /^START .*\n.*spoken\nEND .*\nREPORT /);
  });

  it('gives an HTTP integration its prelude', async () => {
    await create(
      'http',
      `const http = awslambda.HttpResponseStream.from(responseStream, { statusCode: 201, headers: { 'content-type': 'a/b' } });
       http.write('body'); http.end();`,
    );
    const { text } = await all('http');
    assert.equal(text, `{"statusCode":201,"headers":{"content-type":"a/b"}}${'\0'.repeat(8)}body`);
  });

  it('is printed by the hearth command, as the README shows', async () => {
    const example = join(import.meta.dirname, '../examples/stream');
    await run(HEARTH, ['deploy', example, '--timeout', '30'], hearth.environment());
    const printed = await run(HEARTH, ['invoke', 'stream', '{"lines":2}', '--stream'], hearth.environment());
    assert.equal(printed, 'line 1 of 2\nline 2 of 2\n');
  });

  it('passes on what another function streams to it, as it comes', async () => {
    await create('inner', 'responseStream.write("first"); await told(self, "go"); responseStream.end("last");');
    await create(
      'outer',
      `const { InvokeWithResponseStreamCommand } = await import('@aws-sdk/client-lambda');
       const { EventStream } = await lambda.send(new InvokeWithResponseStreamCommand({ FunctionName: 'inner' }));
       for await (const { PayloadChunk } of EventStream) if (PayloadChunk) responseStream.write(PayloadChunk.Payload);
       responseStream.end();`,
    );
    const events = await stream('outer');
    assert.equal(textOf((await events.next()).value), 'first');
    await tell('inner', 'go');
    assert.equal(textOf((await events.next()).value), 'last');
    assert.deepEqual((await events.next()).value, { InvokeComplete: {} });
  });

  const EVENT = {
    version: '2.0',
    rawPath: '/page',
    rawQueryString: '',
    headers: { host: 'shop.example' },
    requestContext: { domainName: 'shop.example', http: { method: 'GET', path: '/page' } },
    isBase64Encoded: false,
  };
  const LIBRARIES = {
    hono: {
      packages: ['hono'],
      code: `
        import { Hono } from 'hono';
        import { stream } from 'hono/streaming';
        import { streamHandle } from 'hono/aws-lambda';
        const app = new Hono();
        app.get('/page', (c) => stream(c, async (out) => {
          for (const piece of ['<p>', 'x'.repeat(100_000), '</p>']) await out.write(piece);
        }));
        export const handler = streamHandle(app);`,
    },
    middy: {
      packages: ['@middy/core'],
      code: `
        import middy from '@middy/core';
        import { executionModeStreamifyResponse as executionMode } from '@middy/core/StreamifyResponse';
        export const handler = middy({ executionMode }).handler(async () => (
          { statusCode: 200, headers: {}, body: '<p>' + 'x'.repeat(100_000) + '</p>' }
        ));`,
    },
  };
  for (const [name, { packages, code }] of Object.entries(LIBRARIES)) {
    it(`may be made by ${name}`, async () => {
      await hearth.create(name, { 'index.mjs': code, ...packageClosure(...packages) }, { MemorySize: 512 });
      const { text, complete } = await all(name, false, EVENT);
      assert.deepEqual(complete, {});
      const [prelude, body] = text.split('\0'.repeat(8));
      assert.equal(JSON.parse(prelude!).statusCode, 200);
      assert.equal(body, `<p>${'x'.repeat(100_000)}</p>`);
    });
  }

  it('that returns instead of streaming answers with one chunk', async () => {
    await hearth.create('ordinary', 'export const handler = async (event) => ({ large: "x".repeat(1_000_000) });');
    const events = await stream('ordinary');
    assert.equal(textOf((await events.next()).value).length, 1_000_012);
    assert.deepEqual((await events.next()).value, { InvokeComplete: {} });
  });

  it('that throws in the midst is reported at the end of what it wrote, and serves the next one', async () => {
    await create('midst', 'responseStream.write("some"); await pause(5); throw new RangeError("broken");');
    for (let count = 0; count < 2; count++) {
      const { text, complete } = await all('midst');
      assert.deepEqual([text, complete?.ErrorCode], ['some', 'Unhandled']);
      const { errorType, errorMessage } = JSON.parse(complete!.ErrorDetails!);
      assert.deepEqual([errorType, errorMessage], ['RangeError', 'broken']);
    }
  });

  it('that throws before its first byte, or dies, is reported too', async () => {
    await create('early', 'throw new TypeError("no");');
    const { text, complete } = await all('early');
    assert.equal(text, '');
    assert.equal(JSON.parse(complete!.ErrorDetails!).errorType, 'TypeError');
    await create('dead', 'responseStream.write("some"); await pause(5); process.kill(process.pid, "SIGKILL");');
    const dead = await all('dead');
    assert.equal(dead.text, 'some');
    assert.match(dead.complete!.ErrorDetails!, /Runtime\.ExitError/);
  });

  it('that times out in the midst, or never ends its stream, is cut off then', async () => {
    await create('late', 'responseStream.write("some"); await new Promise(() => {});', { Timeout: 1 });
    await create('open', 'responseStream.write("some");', { Timeout: 1 });
    for (const name of ['late', 'open']) {
      const { text, complete } = await all(name, true);
      assert.deepEqual([text, complete?.ErrorCode], ['some', 'Unhandled']);
      assert.match(complete!.ErrorDetails!, /Task timed out after 1\.00 seconds/);
      assert.match(Buffer.from(complete!.LogResult!, 'base64').toString(), /END .*\nREPORT .*Status: timeout/s);
    }
  });

  /** The beginning of an answer that nobody reads yet. */
  async function unread(name: string): Promise<IncomingMessage> {
    const path = `/2021-11-15/functions/${name}/response-streaming-invocations`;
    const request = httpRequest(new URL(path, hearth.url), { method: 'POST' });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return response;
  }

  async function invokeRaw(name: string): Promise<{ status: number; body: string }> {
    const path = `/2015-03-31/functions/${name}/invocations`;
    const response = await fetch(new URL(path, hearth.url), { method: 'POST', body: '{}' });
    return { status: response.status, body: await response.text() };
  }

  const TOTAL = 100 * MB;
  // Writes as people do, and tells when it can't go on for a while.
  const FLOOD = `
    let written = 0, before = -1, ticks = 0;
    const watch = setInterval(() => {
      ticks = written === before ? ticks + 1 : 0;
      before = written;
      if (ticks === 10) void tell(self, 'stuck', written);
    }, 50);
    const part = Buffer.alloc(64 * 1024, 'x');
    while (written < ${TOTAL}) {
      written += part.length;
      if (!responseStream.write(part)) await once(responseStream, 'drain');
    }
    clearInterval(watch);
    responseStream.end();
    await tell(self, 'finished', written);`;

  it('is held back by a client that does not read, and 100 MB pass through a server that holds none of it', async () => {
    await create('flood', FLOOD);
    const memoryMb = () =>
      Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${hearth.process.pid}/status`, 'utf8'))![1]) / 1024;
    const response = await unread('flood');
    const stuck = Number(await told('flood', 'stuck'));
    assert.ok(stuck < 30 * MB, `${stuck / MB} MB were written to nobody`);
    const idle = memoryMb();
    let most = idle;
    let bytes = 0;
    for await (const part of response) {
      bytes += (part as Buffer).length;
      most = Math.max(most, memoryMb());
    }
    assert.ok(bytes > TOTAL, `${bytes} bytes`);
    assert.ok(most - idle < 80, `the server grew from ${idle} to ${most} MB`);
    assert.equal(Number(await told('flood', 'finished')), TOTAL);
  });

  it('runs on without a client that has gone away', async () => {
    await create('abandoned', FLOOD.replace('stuck', 'unused'));
    const response = await unread('abandoned');
    const id = response.headers['x-amzn-requestid'] as string;
    response.on('error', () => {});
    response.destroy();
    assert.equal(Number(await told('abandoned', 'finished')), TOTAL);
    await eventually(async () => assert.equal((await hearth.get(`/_hearth/invocations/${id}`)).status, 'succeeded'));
  });

  it('may work on after the end of its stream', async () => {
    await create('after', 'responseStream.end("all"); await told(self, "heard"); await tell(self, "done", 1);');
    assert.deepEqual(await all('after'), { text: 'all', complete: {} });
    await tell('after', 'heard');
    await told('after', 'done');
  });
});
