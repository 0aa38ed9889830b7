/** Edges of Lambda's API as its documentation has them, with AWS's SDK where that can send them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  ListFunctionsCommand,
  ListTagsCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type {
  CreateFunctionCommandInput,
  LambdaClient,
  UpdateFunctionConfigurationCommandInput,
} from '@aws-sdk/client-lambda';
import { ApiServer, zipOf } from '../testing/api-server.ts';

const zip = await zipOf({ 'index.js': 'exports.handler = async (event) => event;' });
const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:f';
let server: ApiServer;
let client: LambdaClient;
before(async () => {
  server = await ApiServer.start();
  client = server.client();
  await create('f');
});
after(() => server[Symbol.asyncDispose]());

const create = (FunctionName: string, over: Partial<CreateFunctionCommandInput> = {}) =>
  client.send(
    new CreateFunctionCommand({
      FunctionName,
      Role: 'arn:aws:iam::000000000000:role/lambda',
      Runtime: 'nodejs26.x',
      Handler: 'index.handler',
      Code: { ZipFile: zip },
      ...over,
    }),
  );

const configure = (over: Partial<UpdateFunctionConfigurationCommandInput>) =>
  client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', ...over }));

const refused = (name: string, message: RegExp) => ({ name, message });

test('values at the edge are taken, and those beyond it refused (API_UpdateFunctionConfiguration)', async () => {
  // https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
  const edges: [Partial<UpdateFunctionConfigurationCommandInput>, Partial<UpdateFunctionConfigurationCommandInput>][] =
    [
      [{ Description: 'd'.repeat(256) }, { Description: 'd'.repeat(257) }],
      [{ Timeout: 1 }, { Timeout: 0 }],
      [{ Timeout: 900 }, { Timeout: 901 }],
      [{ MemorySize: 128 }, { MemorySize: 127 }],
      [{ MemorySize: 10_240 }, { MemorySize: 10_241 }],
      [{ EphemeralStorage: { Size: 512 } }, { EphemeralStorage: { Size: 511 } }],
      [{ EphemeralStorage: { Size: 10_240 } }, { EphemeralStorage: { Size: 10_241 } }],
      [{ Handler: `${'h'.repeat(121)}.handle` }, { Handler: `${'h'.repeat(121)}.handler` }],
      [{ Handler: 'a.b' }, { Handler: 'a b' }],
      [{ Environment: { Variables: { NAME: '' } } }, { Environment: { Variables: { '1NAME': '' } } }],
      [{ Environment: { Variables: { AB: '☃' } } }, { Environment: { Variables: { AB: 'a\0b' } } }],
    ];
  for (const [good, bad] of edges) {
    const answer: Record<string, unknown> = { ...(await configure(good)) };
    for (const [name, value] of Object.entries(good)) assert.deepEqual(answer[name], value);
    const isInvalid = ({ name }: Error) => /^(Validation|InvalidParameterValue)Exception$/.test(name);
    await assert.rejects(configure(bad), isInvalid, JSON.stringify(bad));
  }
  await configure({
    Timeout: 3,
    MemorySize: 128,
    EphemeralStorage: { Size: 512 },
    Handler: 'index.handler',
    Environment: {},
  });
});

test('what Hearth does not do yet is refused by name, and empty values of it are not', async () => {
  await assert.rejects(
    configure({ KMSKeyArn: 'arn:aws:kms:us-east-1:000000000000:key/k' }),
    /^InvalidParameterValueException: KMSKeyArn/,
  );
  await assert.rejects(configure({ VpcConfig: { SubnetIds: ['subnet-1'] } }), /: VpcConfig is not/);
  await configure({ KMSKeyArn: '', Layers: [], VpcConfig: { SubnetIds: [], SecurityGroupIds: [] } });
});

test('a function is named in every form, and another’s is refused as AWS does (API_GetFunction)', async () => {
  // https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
  for (const name of [
    'f',
    '000000000000:f',
    '000000000000:function:f',
    'function:f',
    ARN,
    `${ARN}:$LATEST`,
    'f:$LATEST',
  ]) {
    const { Configuration } = await client.send(new GetFunctionCommand({ FunctionName: name }));
    assert.equal(Configuration!.FunctionArn, name.endsWith('$LATEST') ? `${ARN}:$LATEST` : ARN, name);
  }
  const get = (FunctionName: string, Qualifier?: string) =>
    client.send(new GetFunctionConfigurationCommand({ FunctionName, Qualifier }));
  assert.equal((await get('f', '$LATEST')).FunctionArn, `${ARN}:$LATEST`);
  await assert.rejects(
    get('f', '7'),
    refused('ResourceNotFoundException', new RegExp(`^Function not found: ${ARN}:7$`)),
  );
  await assert.rejects(
    get('f:1', '2'),
    refused('InvalidParameterValueException', /derived qualifier .* does not match/),
  );
  await assert.rejects(
    get(ARN.replace('us-east-1', 'eu-west-1')),
    refused('ResourceNotFoundException', /'eu-west-1' are not reachable/),
  );
  await assert.rejects(
    get(ARN.replace('0000:f', '0001:f')),
    refused('AccessDeniedException', /lambda:GetFunctionConfiguration/),
  );
  for (const name of ['', 'a b', 'f:', 'f:1:2', 'x'.repeat(257), 'f\0', '../f', 'arn:aws:s3:::bucket', `${ARN}:a b`]) {
    await assert.rejects(get(name === '' ? '%20' : name), (error: Error) => error.name === 'ValidationException', name);
  }
});

test('pages are as long as asked, at most 50, and a marker that nobody gave is refused (API_ListFunctions)', async () => {
  // https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html
  const list = (over: { MaxItems?: number; Marker?: string }) => client.send(new ListFunctionsCommand(over));
  await Promise.all(['g', 'h'].map((name) => create(name)));
  const first = await list({ MaxItems: 2 });
  assert.deepEqual(
    first.Functions!.map(({ FunctionName }) => FunctionName),
    ['f', 'g'],
  );
  const second = await list({ Marker: first.NextMarker! });
  assert.deepEqual(
    second.Functions!.map(({ FunctionName }) => FunctionName),
    ['h'],
  );
  assert.equal(second.NextMarker, undefined);
  await assert.rejects(list({ MaxItems: 0 }), { name: 'ValidationException' });
  await assert.rejects(list({ MaxItems: 10_001 }), { name: 'ValidationException' });
  await assert.rejects(list({ Marker: '!' }), { name: 'InvalidParameterValueException' });
  assert.equal((await list({ MaxItems: 10_000 })).Functions!.length, 3);
  for (const name of ['g', 'h']) await client.send(new DeleteFunctionCommand({ FunctionName: name }));
});

test('tags have keys of 128 and values of 256 characters, and are a function’s alone (API_TagResource)', async () => {
  // https://docs.aws.amazon.com/lambda/latest/api/API_TagResource.html and .../dg/configuration-tags.html
  const tag = (Tags: Record<string, string>, Resource = ARN) => client.send(new TagResourceCommand({ Resource, Tags }));
  await tag({ ['k'.repeat(128)]: 'v'.repeat(256), 'with space/+=@': 'é', empty: '' });
  const { Tags: tags } = await client.send(new ListTagsCommand({ Resource: ARN }));
  assert.deepEqual(tags, { ['k'.repeat(128)]: 'v'.repeat(256), 'with space/+=@': 'é', empty: '' });
  for (const wrong of [{ ['k'.repeat(129)]: '' }, { k: 'v'.repeat(257) }, { '': 'v' }, { k: '☃' }]) {
    await assert.rejects(tag(wrong), { name: 'ValidationException' });
  }
  await assert.rejects(tag({ 'aws:k': 'v' }), { name: 'InvalidParameterValueException' });
  await assert.rejects(
    tag(Object.fromEntries(Array.from({ length: 48 }, (_, index) => [`n${index}`, '']))),
    /tag limit/,
  );
  await tag(Object.fromEntries(Array.from({ length: 47 }, (_, index) => [`n${index}`, ''])));
  await assert.rejects(tag({ a: 'b' }, `${ARN}:$LATEST`), /permitted on Lambda functions only/);
  await assert.rejects(tag({ a: 'b' }, `${ARN}-none`), { name: 'ResourceNotFoundException' });
  await assert.rejects(tag({ a: 'b' }, 'f'), { name: 'ValidationException' });
  await client.send(new UntagResourceCommand({ Resource: ARN, TagKeys: ['not there', ...Object.keys(tags)] }));
});

test('a revision that is not the current one stops a change, also of the code (API_UpdateFunctionCode)', async () => {
  // https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
  const { RevisionId, LastModified } = await configure({ Description: 'one' });
  assert.match(LastModified!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
  const update = (revision: string) =>
    client.send(new UpdateFunctionCodeCommand({ FunctionName: 'f', ZipFile: zip, RevisionId: revision }));
  await assert.rejects(update('00000000-0000-0000-0000-000000000000'), { name: 'PreconditionFailedException' });
  const updated = await update(RevisionId!);
  assert.notEqual(updated.RevisionId, RevisionId);
  await assert.rejects(configure({ RevisionId: RevisionId! }), { name: 'PreconditionFailedException' });
});

test('$LATEST can’t be deleted alone, and an invocation is refused before it runs where it makes no sense (API_Invoke)', async () => {
  // https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html, https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
  await assert.rejects(
    client.send(new DeleteFunctionCommand({ FunctionName: 'f', Qualifier: '$LATEST' })),
    refused('InvalidParameterValueException', /^\$LATEST version cannot be deleted without deleting the function\.$/),
  );
  const invoke = (over: object) => client.send(new InvokeCommand({ FunctionName: 'f', ...over }));
  await assert.rejects(invoke({ InvocationType: 'Never' }), { name: 'ValidationException' });
  await assert.rejects(invoke({ LogType: 'All' }), { name: 'ValidationException' });
  await assert.rejects(invoke({ ClientContext: 'e' }), { name: 'InvalidRequestContentException' });
  await assert.rejects(invoke({ Payload: '{' }), { name: 'InvalidRequestContentException' });
  await assert.rejects(
    invoke({ Payload: `"${'x'.repeat(6 * 1024 * 1024)}"` }),
    (error: Error & { $metadata: { httpStatusCode?: number } }) => {
      assert.equal(error.name, 'RequestTooLargeException');
      return error.$metadata.httpStatusCode === 413;
    },
  );
  assert.equal((await invoke({ InvocationType: 'DryRun' })).StatusCode, 204);
});

/** What no SDK sends. */
async function send(body: string, path = '/2015-03-31/functions', method = 'POST'): Promise<[string | null, string]> {
  const answer = await fetch(server.url + path, { method, body });
  return [answer.headers.get('x-amzn-errortype'), await answer.text()];
}

test('numbers that are no integers can’t be read (Smithy’s tests of malformed requests)', async () => {
  // https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
  for (const number of ['1.5', '1e999', '-1e999', '2147483648', '1e300', '"3"', 'true', '[]']) {
    const [error] = await send(`{"Timeout": ${number}}`, '/2015-03-31/functions/f/configuration', 'PUT');
    assert.equal(error, 'SerializationException', number);
  }
  const [error, text] = await send('{"Timeout": 3.0}', '/2015-03-31/functions/f/configuration', 'PUT');
  assert.equal(error, null, text);
});

test('a list holds no null', async () => {
  for (const [body, place] of [
    ['{"Layers": [null]}', 'layers'],
    ['{"FileSystemConfigs": [null]}', 'fileSystemConfigs.1.member'],
    ['{"VpcConfig": {"SubnetIds": ["a", null]}}', 'vpcConfig.subnetIds'],
  ] as const) {
    const [error, text] = await send(body, '/2015-03-31/functions/f/configuration', 'PUT');
    assert.equal(error, 'ValidationException', body);
    assert.match(text, new RegExp(`at '${place}.*Member must not be null`));
  }
});

test('a body longer than its operation takes is told so, and a value is not sent back by the kilobyte', async () => {
  // https://github.com/apex/up/issues/722 has AWS's answer.
  const long = `{"Description": "${'d'.repeat(5_200)}"}`;
  const [error, text] = await send(long, '/2015-03-31/functions/f/configuration', 'PUT');
  assert.equal(error, 'RequestEntityTooLargeException');
  assert.match(text, /Request must be smaller than 5120 bytes for the UpdateFunctionConfiguration operation/);
  const [invalid, told] = await send(JSON.stringify({ FunctionName: 'x'.repeat(100_000) }));
  assert.equal(invalid, 'ValidationException');
  assert.ok(told.length < 10_000, `${told.length} characters`);
});
