import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudWatchLogsClient, StartQueryCommand } from '@aws-sdk/client-cloudwatch-logs';
import { GetCallerIdentityCommand, GetFederationTokenCommand, STSClient } from '@aws-sdk/client-sts';
import { ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { ENDPOINT_VARIABLES } from './services.ts';
import { ApiServer } from './testing/api-server.ts';

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

const credentials = { accessKeyId: '123456789012', secretAccessKey: 'secret' };
const settings = () => ({ endpoint: server.url, region: 'eu-west-1', credentials, maxAttempts: 1 });

test('each client reaches its own service on the one port', async () => {
  const identity = await new STSClient(settings()).send(new GetCallerIdentityCommand({}));
  assert.equal(identity.Account, '123456789012');
  assert.equal(identity.Arn, 'arn:aws:iam::123456789012:root');
  assert.match(identity.$metadata.requestId!, /^[0-9a-f-]{36}$/);
  assert.deepEqual((await server.client('123456789012').send(new ListFunctionsCommand({}))).Functions, []);
  const query = new StartQueryCommand({ startTime: 0, endTime: 1, queryString: 'fields @message' });
  await assert.rejects(new CloudWatchLogsClient(settings()).send(query), {
    name: 'NotImplementedException',
    message: /^Operation StartQuery is not supported by Hearth yet/,
  });
  await assert.rejects(new STSClient(settings()).send(new GetFederationTokenCommand({ Name: 'someone' })), {
    name: 'NotImplemented',
    message: /^Operation GetFederationToken is not supported by Hearth yet/,
  });
});

const scope = (service: string) => `123456789012/20260101/us-east-1/${service}/aws4_request`;
const signed = (service: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=${scope(service)}, SignedHeaders=host, Signature=x`,
});
const FORM = 'application/x-www-form-urlencoded; charset=utf-8';
const WHO = 'Action=GetCallerIdentity&Version=2011-06-15';

test('a presigned URL names the service as a header does', async () => {
  const presigned = `${server.url}/?${WHO}&X-Amz-Credential=${encodeURIComponent(scope('sts'))}&X-Amz-Signature=x`;
  const answer = await fetch(presigned);
  assert.equal(answer.headers.get('content-type'), 'text/xml');
  assert.match(
    await answer.text(),
    /^<GetCallerIdentityResponse xmlns="https:\/\/sts.amazonaws.com\/doc\/2011-06-15\/">/,
  );
});

test('an unsigned request is known by its target, its action or its path', async () => {
  const post = (body: string, headers: Record<string, string>) =>
    fetch(server.url, { method: 'POST', body, headers }).then((answer) => answer.text());
  const target = { 'x-amz-target': 'Logs_20140328.StartQuery', 'content-type': 'application/x-amz-json-1.1' };
  assert.match(await post('{}', target), /^\{"__type":"NotImplementedException","message":"Operation StartQuery is/);
  assert.match(await post(WHO, { 'content-type': FORM }), /<Account>000000000000<\/Account>/);
  assert.match(await (await fetch(`${server.url}/?${WHO}`)).text(), /<Account>000000000000<\/Account>/);
  assert.deepEqual(await (await fetch(`${server.url}/2015-03-31/functions`)).json(), { Functions: [] });
  assert.match(
    await post('Action=A&Version=1', { 'content-type': FORM }),
    /"POST \/ is no operation of AWS Lambda's API/,
  );
  // What curl sends unless told otherwise must not be taken for a form.
  const answer = await fetch(`${server.url}/2015-03-31/functions`, {
    method: 'POST',
    headers: { 'content-type': FORM },
    body: '{"FunctionName": 1}',
  });
  assert.equal(answer.headers.get('x-amzn-errortype'), 'SerializationException');
});

test('a form that is too long to belong to anyone is refused', async () => {
  const answer = await fetch(server.url, {
    method: 'POST',
    headers: { 'content-type': FORM },
    body: 'a'.repeat(256 * 1024 + 1),
  });
  assert.equal(answer.status, 413);
});

test('a service that Hearth does not have is told so by name, in the form its clients read', async () => {
  const ask = async (service: string, headers: Record<string, string>, body?: string) => {
    const answer = await fetch(server.url, {
      method: 'POST',
      headers: { ...signed(service), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    assert.equal(answer.status, 501);
    return answer.text();
  };
  const dynamo = { 'x-amz-target': 'DynamoDB_20120810.GetItem', 'content-type': 'application/x-amz-json-1.0' };
  assert.match(
    await ask('dynamodb', dynamo, '{}'),
    /^\{"__type":"NotImplementedException","message":"Hearth does not serve the AWS service \\"dynamodb\\"; it serves lambda, logs, sts\. Hint: /,
  );
  assert.match(
    await ask('s3', {}),
    /^<\?xml .*<Error><Code>NotImplementedException<\/Code><Message>[^<]*&quot;s3&quot;/s,
  );
  assert.match(
    await ask('sns', { 'content-type': FORM }, 'Action=Publish'),
    /^<ErrorResponse .*<Code>NotImplemented</s,
  );
  assert.match(
    await ask('batch', {}),
    /^\{"Type":"Service","message":"Hearth does not serve the AWS service \\"batch\\"/,
  );
});

test('errors before any service is called have the form of the service that was meant', async () => {
  const refused = (headers: Record<string, string>) =>
    fetch(server.url, { headers: { origin: 'https://evil.example', ...headers } });
  const logs = await refused(signed('logs'));
  assert.equal(logs.status, 400);
  assert.match(await logs.text(), /^\{"__type":"AccessDeniedException"/);
  const sts = await refused(signed('sts'));
  assert.equal(sts.status, 403);
  assert.match(
    await sts.text(),
    /^<ErrorResponse xmlns="[^"]+"><Error><Type>Sender<\/Type><Code>AccessDenied<\/Code><Message>.*<RequestId>[0-9a-f-]{36}<\/RequestId><\/ErrorResponse>$/s,
  );
  assert.equal((await refused(signed('lambda'))).headers.get('x-amzn-errortype'), 'AccessDeniedException');
});

test('functions are told of each service', () => {
  assert.deepEqual(ENDPOINT_VARIABLES, [
    'AWS_ENDPOINT_URL_LAMBDA',
    'AWS_ENDPOINT_URL_CLOUDWATCH_LOGS',
    'AWS_ENDPOINT_URL_STS',
  ]);
});
