import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  CreateFunctionCommand,
  InvalidRequestContentException,
  InvokeWithResponseStreamCommand,
  PublishVersionCommand,
  ResourceNotFoundException,
  TooManyRequestsException,
} from '@aws-sdk/client-lambda';
import type {
  InvokeWithResponseStreamCommandInput,
  InvokeWithResponseStreamResponseEvent,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { InvocationOutcome, ResponseSink, ResponseSource } from '../../invoke/invocation.ts';
import { ApiServer, zipOf } from '../testing/api-server.ts';

// https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html

const PATH = '/2021-11-15/functions/stream/response-streaming-invocations';

let server: ApiServer;
let client: LambdaClient;
before(async () => {
  server = await ApiServer.start();
  client = server.client();
  await client.send(
    new CreateFunctionCommand({
      FunctionName: 'stream',
      Role: 'arn:aws:iam::000000000000:role/r',
      Runtime: 'nodejs26.x',
      Handler: 'index.handler',
      Code: { ZipFile: await zipOf({ 'index.js': 'x' }) },
    }),
  );
});
after(() => server[Symbol.asyncDispose]());

const echo: ApiServer['run'] = async ({ payload }) => ({ payload, startPath: 'warm' });
afterEach(() => {
  server.run = echo;
  server.invocations.length = 0;
});

const send = (over: Partial<InvokeWithResponseStreamCommandInput> = {}) =>
  client.send(new InvokeWithResponseStreamCommand({ FunctionName: 'stream', ...over }));

/** A function in this process that streams as the test says. */
class Streaming {
  readonly sink: ResponseSink;
  resumes = 0;
  readonly #ended = Promise.withResolvers<InvocationOutcome>();
  readonly #source: ResponseSource = { resume: () => void (this.resumes += 1) };

  private constructor(sink: ResponseSink) {
    this.sink = sink;
  }

  /** Resolves when it has been invoked. */
  static next(): Promise<Streaming> {
    return new Promise((resolve) => {
      server.run = ({ sink }) => {
        const streaming = new Streaming(sink!);
        resolve(streaming);
        return streaming.#ended.promise;
      };
    });
  }

  begin(): void {
    this.sink.begin({ contentType: 'text/plain', startPath: 'spare' }, this.#source);
  }

  end(outcome: Partial<InvocationOutcome> = {}): void {
    this.#ended.resolve({ payload: Buffer.alloc(0), startPath: 'spare', ...outcome });
  }
}

/** Chunks as text, and how the stream completed. */
async function read(events: AsyncIterable<InvokeWithResponseStreamResponseEvent>) {
  const seen: unknown[] = [];
  for await (const { PayloadChunk, InvokeComplete } of events) {
    seen.push(PayloadChunk === undefined ? InvokeComplete : Buffer.from(PayloadChunk.Payload!).toString());
  }
  return seen;
}

describe('a function that streams', () => {
  test('is heard while it still runs', async () => {
    const invoked = Streaming.next();
    const answered = send();
    const streaming = await invoked;
    streaming.begin();
    streaming.sink.write(Buffer.from('first'));
    const { EventStream, StatusCode, ExecutedVersion, ResponseStreamContentType, $metadata } = await answered;
    assert.deepEqual([StatusCode, ExecutedVersion], [200, '$LATEST']);
    assert.equal(ResponseStreamContentType, 'application/vnd.amazon.eventstream');
    assert.equal($metadata.requestId, server.invocations[0]!.requestId);
    const events = EventStream![Symbol.asyncIterator]();
    const { value } = await events.next();
    assert.equal(Buffer.from(value.PayloadChunk.Payload).toString(), 'first');
    // Only now the function goes on.
    streaming.sink.write(Buffer.from('last'));
    streaming.sink.whole();
    assert.deepEqual(await read({ [Symbol.asyncIterator]: () => events }), ['last', {}]);
    streaming.end();
  });

  test('has its start path in a header, as Invoke has', async () => {
    const invoked = Streaming.next();
    const { response } = post();
    const streaming = await invoked;
    streaming.begin();
    streaming.sink.write(Buffer.from('a'));
    const { headers } = await response;
    assert.equal(headers['x-hearth-start-path'], 'spare');
    assert.equal(headers['x-amz-executed-version'], '$LATEST');
    assert.equal(headers['x-amzn-requestid'], server.invocations[0]!.requestId);
    streaming.sink.whole();
    streaming.end();
    (await response).destroy();
  });

  test('completes with the tail of its log only when that is there', async () => {
    const invoked = Streaming.next();
    const answered = send({ LogType: 'Tail' });
    const streaming = await invoked;
    assert.equal(server.invocations[0]!.tail, true);
    streaming.begin();
    streaming.sink.write(Buffer.from('a'));
    streaming.sink.whole();
    streaming.end({ logTail: 'bG9n' });
    assert.deepEqual(await read((await answered).EventStream!), ['a', { LogResult: 'bG9n' }]);
  });

  test('that fails in the midst completes with the error', async () => {
    const invoked = Streaming.next();
    const answered = send();
    const streaming = await invoked;
    streaming.begin();
    streaming.sink.write(Buffer.from('some'));
    const document = '{"errorType":"Error","errorMessage":"no"}';
    streaming.end({ payload: Buffer.from(document), functionError: 'Unhandled' });
    assert.deepEqual(await read((await answered).EventStream!), [
      'some',
      { ErrorCode: 'Unhandled', ErrorDetails: document },
    ]);
  });

  test('that streams nothing completes without a chunk', async () => {
    const invoked = Streaming.next();
    const answered = send();
    const streaming = await invoked;
    streaming.begin();
    streaming.sink.whole();
    streaming.end();
    assert.deepEqual(await read((await answered).EventStream!), [{}]);
  });
});

describe('any other function', () => {
  test('answers with one chunk', async () => {
    const { EventStream } = await send({ Payload: Buffer.from('{"a":1}') });
    assert.deepEqual(await read(EventStream!), ['{"a":1}', {}]);
  });

  test('that fails completes with its error', async () => {
    const document = '{"errorType":"Error"}';
    server.run = async () => ({
      payload: Buffer.from(document),
      functionError: 'Unhandled',
      logTail: 'bG9n',
      startPath: 'warm',
    });
    assert.deepEqual(await read((await send({ LogType: 'Tail' })).EventStream!), [
      { ErrorCode: 'Unhandled', ErrorDetails: document, LogResult: 'bG9n' },
    ]);
  });

  test('that can’t be run is an error of AWS’s form', async () => {
    server.run = () => Promise.reject(new ApiError('TooManyRequestsException', 'Rate Exceeded.'));
    await assert.rejects(send(), TooManyRequestsException);
  });
});

describe('a request', () => {
  test('of type DryRun runs nothing', async () => {
    const { StatusCode, ExecutedVersion } = await send({ InvocationType: 'DryRun' });
    assert.deepEqual([StatusCode, ExecutedVersion], [204, '$LATEST']);
    assert.equal(server.invocations.length, 0);
  });

  test('may bring a client context, and an ARN or a qualifier for a name', async () => {
    const context = JSON.stringify({ custom: { a: 1 } });
    await send({ ClientContext: Buffer.from(context).toString('base64'), Qualifier: '$LATEST' });
    assert.equal(server.invocations[0]!.clientContext, context);
    const arn = 'arn:aws:lambda:us-east-1:000000000000:function:stream';
    await send({ FunctionName: arn });
    assert.equal(server.invocations[1]!.spec.functionArn, arn);
  });

  test('V21: that names a version is told that it ran because of that', async () => {
    const { Version } = await client.send(new PublishVersionCommand({ FunctionName: 'stream' }));
    const { headers } = await post(`${PATH}?Qualifier=${Version}`).response.then((answer) => answer.resume());
    assert.deepEqual([headers['x-amz-executed-version'], headers['x-hearth-version-reason']], [Version, 'pinned']);
  });

  test('that is none is refused as AWS does', async () => {
    await assert.rejects(send({ FunctionName: 'absent' }), ResourceNotFoundException);
    await assert.rejects(send({ Payload: Buffer.from('{') }), InvalidRequestContentException);
    await assert.rejects(send({ InvocationType: 'Event' as never }), {
      name: 'ValidationException',
      message: /'invocationType'/,
    });
    await assert.rejects(send({ LogType: 'All' as never }), { name: 'ValidationException' });
    await assert.rejects(send({ Payload: Buffer.alloc(6 * 1024 * 1024 + 1, '1') }), {
      name: 'RequestTooLargeException',
      message: /for the InvokeWithResponseStream operation/,
    });
  });
});

function post(path = PATH): { request: ClientRequest; response: Promise<IncomingMessage> } {
  const request = httpRequest(new URL(path, server.url), { method: 'POST' });
  request.end();
  return { request, response: once(request, 'response').then(([response]) => response as IncomingMessage) };
}

const MB = Buffer.alloc(1024 * 1024);

test('a client that reads slowly holds the function back, and lets it go on', async () => {
  const invoked = Streaming.next();
  const { response } = post();
  const streaming = await invoked;
  streaming.begin();
  let written = 1;
  while (streaming.sink.write(MB)) assert.ok(++written < 64, 'it is never held back');
  const answer = await response;
  const resumed = streaming.resumes;
  let bytes = 0;
  for await (const part of answer) {
    if ((bytes += (part as Buffer).length) < written * MB.length) continue;
    streaming.sink.whole();
    streaming.end();
  }
  assert.ok(streaming.resumes > resumed);
});

test('a client that goes away does not hold the function back; what comes then is dropped', async () => {
  const invoked = Streaming.next();
  const { request, response } = post();
  request.on('error', () => {});
  const streaming = await invoked;
  streaming.begin();
  while (streaming.sink.write(MB));
  (await response).on('error', () => {});
  const resumed = streaming.resumes;
  request.destroy();
  while (streaming.resumes === resumed) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(streaming.sink.write(MB));
  streaming.end({ payload: Buffer.from('{}'), functionError: 'Unhandled' });
  server.run = echo;
  assert.deepEqual(await read((await send()).EventStream!), ['{}', {}]);
  assert.deepEqual(server.failures, []);
});
