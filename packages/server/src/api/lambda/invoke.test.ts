import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { after, afterEach, before, test } from 'node:test';
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  InvokeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type { InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import { ApiServer, zipOf } from '../testing/api-server.ts';

let server: ApiServer;
let client: LambdaClient;
before(async () => {
  server = await ApiServer.start();
  client = server.client();
  await create('echo');
});
after(() => server[Symbol.asyncDispose]());

const echo: ApiServer['run'] = async ({ payload }) => ({ payload, startPath: 'warm' });
afterEach(() => {
  server.run = echo;
  server.invocations.length = 0;
});

async function create(name: string, by = client): Promise<void> {
  await by.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Role: 'arn:aws:iam::000000000000:role/r',
      Runtime: 'nodejs26.x',
      Handler: 'index.handler',
      Code: { ZipFile: await zipOf({ 'index.js': 'x' }) },
    }),
  );
}

const invoke = (over: Partial<InvokeCommandInput> = {}) =>
  client.send(new InvokeCommand({ FunctionName: 'echo', ...over }));

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** A request with nothing added to it. */
function post(
  body: Buffer | string | readonly Buffer[],
  headers: Record<string, string> = {},
  path = '/2015-03-31/functions/echo/invocations',
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = httpRequest(new URL(path, server.url), { method: 'POST', headers }, (response) => {
    buffer(response).then(
      (all) => resolve({ status: response.statusCode!, headers: response.headers, body: all }),
      reject,
    );
  });
  request.on('error', reject);
  if (Array.isArray(body)) {
    for (const chunk of body) request.write(chunk);
    request.end();
  } else request.end(body);
  return promise;
}

test('the SDK gets the response, the version and the status', async () => {
  const { StatusCode, Payload, ExecutedVersion, FunctionError, LogResult, $metadata } = await invoke({
    Payload: Buffer.from('{"a":1}'),
  });
  assert.equal(StatusCode, 200);
  assert.equal(Buffer.from(Payload!).toString(), '{"a":1}');
  assert.equal(ExecutedVersion, '$LATEST');
  assert.equal(FunctionError, undefined);
  assert.equal(LogResult, undefined);
  assert.equal($metadata.requestId, server.invocations[0]!.requestId);
  assert.match($metadata.requestId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('the event reaches the function byte for byte, whatever its form and however it arrives (L11, T17)', async () => {
  const event = Buffer.from(' {"b": 1.0e0,\n"a": "\\u00e9☃", "b": 12345678901234567890 }\r\n');
  const pieces = [event.subarray(0, 9), event.subarray(9, 30), event.subarray(30)];
  for (const body of [event, pieces]) {
    const answer = await post(body);
    assert.deepEqual(answer.body, event);
    assert.deepEqual(server.invocations.at(-1)!.payload, event);
  }
});

test('no payload is an empty object', async () => {
  await invoke();
  assert.equal(server.invocations[0]!.payload.toString(), '{}');
});

test('the function’s failure, log and start path travel in headers', async () => {
  server.run = async () => ({
    payload: Buffer.from('{"errorType":"Error"}'),
    functionError: 'Unhandled',
    logTail: 'bG9n',
    startPath: 'fork',
  });
  const { FunctionError, LogResult, StatusCode } = await invoke({ LogType: 'Tail' });
  assert.deepEqual([StatusCode, FunctionError, LogResult], [200, 'Unhandled', 'bG9n']);
  assert.equal(server.invocations[0]!.tail, true);
  const { headers } = await post('1');
  assert.equal(headers['x-hearth-start-path'], 'fork');
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(server.invocations[1]!.tail, false);
});

test('client context and trace id reach the function', async () => {
  const context = JSON.stringify({ custom: { a: '☃' } });
  await invoke({ ClientContext: Buffer.from(context).toString('base64') });
  assert.equal(server.invocations[0]!.clientContext, context);
  await post('1', { 'x-amzn-trace-id': 'Root=1-2-3' });
  assert.equal(server.invocations[1]!.traceId, 'Root=1-2-3');
  const broken = await post('1', { 'x-amz-client-context': 'bm8ganNvbg==' });
  assert.equal(broken.headers['x-amzn-errortype'], 'InvalidRequestContentException');
});

test('a name in any form, with a qualifier in it or beside it, finds the function and is told to it', async () => {
  const arn = 'arn:aws:lambda:us-east-1:000000000000:function:echo';
  for (const name of ['echo', '000000000000:echo', '000000000000:function:echo', arn]) {
    await invoke({ FunctionName: name });
    assert.equal(server.invocations.at(-1)!.invokedArn, arn);
    await invoke({ FunctionName: `${name}:$LATEST` });
    assert.equal(server.invocations.at(-1)!.invokedArn, `${arn}:$LATEST`);
  }
  await invoke({ Qualifier: '$LATEST' });
  assert.equal(server.invocations.at(-1)!.invokedArn, `${arn}:$LATEST`);
  assert.equal((await post('1', {}, `/2015-03-31/functions/${arn}/invocations`)).status, 200);
});

test('DryRun checks and runs nothing', async () => {
  const { StatusCode } = await invoke({ InvocationType: 'DryRun' });
  assert.equal(StatusCode, 204);
  await assert.rejects(invoke({ InvocationType: 'DryRun', FunctionName: 'none' }), {
    name: 'ResourceNotFoundException',
  });
  assert.equal(server.invocations.length, 0);
});

test('Event is answered 501, because nothing would keep the event', async () => {
  await assert.rejects(invoke({ InvocationType: 'Event' }), { name: 'NotImplementedException' });
  assert.equal(server.invocations.length, 0);
});

test('an unknown type is told what there is', async () => {
  await assert.rejects(invoke({ InvocationType: 'Later' as 'Event' }), {
    name: 'ValidationException',
    message:
      "1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy constraint: " +
      'Member must satisfy enum value set: [Event, RequestResponse, DryRun]',
  });
});

test('what is not JSON is told where', async () => {
  const cases: [Buffer | string, RegExp][] = [
    ['{"a": x}', /: Unexpected character \(\\"x\\"\) at byte 6"/],
    ['hello', /Unexpected character/],
    ['{"a":', /: Unexpected end-of-input"/],
    [Buffer.from([0x22, 0x87, 0x22]), /: Invalid UTF-8"/],
  ];
  for (const [payload, message] of cases) {
    const { status, headers, body } = await post(payload);
    assert.equal(status, 400);
    assert.equal(headers['x-amzn-errortype'], 'InvalidRequestContentException');
    assert.match(body.toString(), /^\{"Type":"User","message":"Could not parse request body into json: /);
    assert.match(body.toString(), message);
    assert.match(String(headers['x-amzn-requestid']), /^[0-9a-f-]{36}$/);
  }
  assert.equal(server.invocations.length, 0);
});

test('6 MB go through, one byte more is refused, announced or not', async () => {
  const limit = 6 * 1024 * 1024;
  const event = Buffer.alloc(limit, 'x');
  event[0] = event[limit - 1] = 0x22;
  assert.equal((await post(event)).body.equals(event), true);
  const more = [event, Buffer.from(' ')];
  for (const body of [Buffer.concat(more), more]) {
    const { status, headers, body: text } = await post(body);
    assert.equal(status, 413);
    assert.equal(headers['x-amzn-errortype'], 'RequestTooLargeException');
    assert.match(text.toString(), /Request must be smaller than 6291456 bytes for the InvokeFunction operation/);
  }
});

test('a long payload that breaks at its end is found out, too', async () => {
  const event = Buffer.alloc(1024 * 1024, 'x');
  event[0] = 0x22;
  assert.match((await post(event)).body.toString(), /Unexpected end-of-input/);
});

const run = () => invoke({ FunctionName: 'changing' });

test('a change and a deletion hold for the next invocation', async () => {
  await create('changing');
  await run();
  const before_ = server.invocations.at(-1)!.spec;
  await run();
  assert.equal(server.invocations.at(-1)!.spec, before_, 'the same spec as long as nothing changes');
  await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'changing', MemorySize: 512 }));
  await run();
  const now = server.invocations.at(-1)!.spec;
  assert.equal(now.memoryMb, 512);
  assert.notEqual(now.key, before_.key);
  await client.send(new DeleteFunctionCommand({ FunctionName: 'changing' }));
  await assert.rejects(run(), { name: 'ResourceNotFoundException' });
  await create('changing');
  await run();
  assert.notEqual(server.invocations.at(-1)!.spec.key, before_.key, 'sandboxes of a namesake are never used');
});

test('an account never runs another one’s function, though the URL is the same', async () => {
  const other = server.client('222222222222');
  await assert.rejects(other.send(new InvokeCommand({ FunctionName: 'echo' })), { name: 'ResourceNotFoundException' });
  await create('echo', other);
  await other.send(new InvokeCommand({ FunctionName: 'echo' }));
  assert.equal(server.invocations.at(-1)!.spec.account, '222222222222');
  await invoke();
  assert.equal(server.invocations.at(-1)!.spec.account, '000000000000');
});

test('an error of the invoker is answered as it is, with its retry time', async () => {
  server.run = async () => {
    throw new ApiError('TooManyRequestsException', 'Rate Exceeded.', {
      reason: 'ConcurrentInvocationLimitExceeded',
      retryAfterSeconds: 2,
    });
  };
  const { status, headers, body } = await post('1');
  assert.equal(status, 429);
  assert.equal(headers['retry-after'], '2');
  assert.deepEqual(JSON.parse(body.toString()), {
    Reason: 'ConcurrentInvocationLimitExceeded',
    Type: 'User',
    message: 'Rate Exceeded.',
  });
});

test('a mistake of ours is logged, and its text not told', async () => {
  server.run = async () => {
    throw new Error('secret detail');
  };
  const { status, headers, body } = await post('1');
  assert.equal(status, 500);
  assert.equal(headers['x-amzn-errortype'], 'ServiceException');
  assert.doesNotMatch(body.toString(), /secret/);
  assert.match(String(server.failures.pop()), /secret detail/);
});

test('a client that goes away in the middle of its payload invokes nothing', async () => {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  const closed = new Promise((resolve) => {
    server.server.once('connection', (accepted) => accepted.once('close', resolve));
  });
  socket.write(
    'POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"a"',
  );
  server.server.once('request', () => socket.destroy());
  await closed;
  assert.equal(server.invocations.length, 0);
});

test('a path that is no function name is told so', async () => {
  for (const path of ['%00', 'a b', '%zz', 'a%2Fb', '..']) {
    const { status, headers } = await post('1', {}, `/2015-03-31/functions/${path.replace(' ', '%20')}/invocations`);
    assert.ok(status === 400 || status === 404, `${path}: ${status}`);
    assert.ok(headers['x-amzn-errortype'], path);
  }
  assert.equal(server.invocations.length, 0);
});
