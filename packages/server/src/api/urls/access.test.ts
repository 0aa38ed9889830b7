/** https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { createHash, createHmac } from 'node:crypto';
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionUrlConfigCommand,
  LambdaClient,
  RemovePermissionCommand,
  UpdateFunctionUrlConfigCommand,
} from '@aws-sdk/client-lambda';
import { SignatureV4 } from '@smithy/signature-v4';
import { ApiServer } from '../testing/api-server.ts';
import { call, createUrl } from './testing/url-server.ts';
import type { Answer, Sent } from './testing/url-server.ts';

interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

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

interface Signing {
  readonly region?: string;
  readonly service?: string;
}

/** A request as AWS's signer signs it. */
async function sign(url: URL, key: Key, sent: Sent = {}, { region = 'us-east-1', service = 'lambda' }: Signing = {}) {
  const signer = new SignatureV4({ credentials: key, region, service, sha256: Sha256 });
  const [path = '/', query = ''] = (sent.path ?? '/').split('?');
  const signed = await signer.sign({
    method: sent.method ?? 'GET',
    protocol: url.protocol,
    hostname: url.hostname,
    path,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers: { host: url.host, ...(sent.headers as Record<string, string>) },
    ...(sent.body === undefined ? {} : { body: sent.body }),
  });
  return { ...sent, headers: signed.headers };
}

describe('where signatures are checked', () => {
  let server: ApiServer;
  let client: LambdaClient;
  let account: string;
  let key: Key;
  let url: URL;

  const keyOf = async (id: string): Promise<Key> => {
    const made = await server.accounts.createKey(id);
    return { accessKeyId: made.id, secretAccessKey: made.secret };
  };
  const clientOf = (credentials: Key) =>
    new LambdaClient({ endpoint: server.url, region: 'us-east-1', credentials, maxAttempts: 1 });
  const isForbidden = ({ status, text, headers }: Answer) => {
    assert.deepEqual([status, text], [403, '{"Message":"Forbidden"}']);
    assert.equal(headers['x-amzn-errortype'], 'AccessDeniedException');
  };

  before(async () => {
    server = await ApiServer.start({ auth: 'sigv4' });
    account = (await server.accounts.create('one')).id;
    key = await keyOf(account);
    client = clientOf(key);
    url = await createUrl(client, 'guarded', { AuthType: 'AWS_IAM', Cors: { AllowOrigins: ['https://a.example'] } });
  });
  after(() => server[Symbol.asyncDispose]());
  afterEach(() => {
    server.invocations.length = 0;
  });

  test('AWS_IAM: a request signed by the account passes, with body, query and all, and says who', async () => {
    const sent = {
      method: 'POST',
      path: '/a%20b/c?x=1&y=a%20b',
      body: 'hello',
      headers: { 'content-type': 'text/plain' },
    };
    const answer = await call(server, url, await sign(url, key, sent));
    assert.equal(answer.status, 200, answer.text);
    const event = JSON.parse(server.invocations[0]!.payload.toString());
    assert.deepEqual(event.requestContext.authorizer, {
      iam: {
        accessKey: key.accessKeyId,
        accountId: account,
        callerId: account,
        cognitoIdentity: null,
        principalOrgId: null,
        userArn: `arn:aws:iam::${account}:root`,
        userId: account,
      },
    });
    assert.equal(event.requestContext.accountId, account);
    assert.equal(event.body, 'hello');
    assert.equal(event.headers.authorization, undefined, 'what was signed stays here');
    assert.equal(event.headers['content-type'], 'text/plain');
  });

  test('AWS_IAM by path', async () => {
    const path = `/_hearth/url/${url.hostname.slice(0, 32)}/inside`;
    const base = new URL(server.url);
    assert.equal((await call(server, base, await sign(base, key, { path }))).status, 200);
    assert.equal(JSON.parse(server.invocations[0]!.payload.toString()).rawPath, '/inside');
  });

  test('a signature for one URL opens no other, whatever dot segments are in its path', async () => {
    const other = await createUrl(client, 'other', { AuthType: 'AWS_IAM' });
    const base = new URL(server.url);
    const [mine, theirs] = [url, other].map(({ hostname }) => `/_hearth/url/${hostname.slice(0, 32)}`);
    for (const [path, canonical] of [
      [`${mine}/../${theirs!.slice('/_hearth/url/'.length)}/x`, `${theirs}/x`],
      [`${mine}/../../fleet`, '/_hearth/fleet'],
    ] as const) {
      const signed = await sign(base, key, { path: canonical });
      isForbidden(await call(server, base, { ...signed, path }));
    }
    assert.equal(server.invocations.length, 0);
  });

  test('AWS_IAM: no signature, another account, region or service is forbidden', async () => {
    isForbidden(await call(server, url));
    isForbidden(await call(server, url, { headers: { authorization: 'Bearer token' } }));
    const { id: stranger } = await server.accounts.create('two');
    isForbidden(await call(server, url, await sign(url, await keyOf(stranger))));
    isForbidden(await call(server, url, await sign(url, key, {}, { region: 'eu-west-1' })));
    isForbidden(await call(server, url, await sign(url, key, {}, { service: 'logs' })));
    assert.equal(server.invocations.length, 0);
  });

  test('AWS_IAM: a wrong signature, and a body that is not the one signed, are told so', async () => {
    const forged = await call(server, url, await sign(url, { ...key, secretAccessKey: 'guessed' }));
    assert.equal(forged.status, 403);
    assert.equal(forged.headers['x-amzn-errortype'], 'InvalidSignatureException');
    const signed = await sign(url, key, { method: 'POST', body: 'this' });
    const changed = await call(server, url, { ...signed, body: 'that' });
    assert.equal(changed.headers['x-amzn-errortype'], 'InvalidSignatureException');
    assert.equal(server.invocations.length, 0);
  });

  test('AWS_IAM: a preflight needs no signature, because browsers send none with it', async () => {
    const headers = { origin: 'https://a.example', 'access-control-request-method': 'GET' };
    const answer = await call(server, url, { method: 'OPTIONS', headers });
    assert.equal(answer.headers['access-control-allow-origin'], 'https://a.example');
    const refused = await call(server, url, { headers: { origin: 'https://a.example' } });
    assert.equal(refused.status, 403);
    assert.equal(refused.headers['access-control-allow-origin'], 'https://a.example');
  });

  /** Both permissions that AWS asks for. */
  function permissions(FunctionName: string, Principal: string, FunctionUrlAuthType: 'NONE' | 'AWS_IAM', more = {}) {
    const common = { FunctionName, Principal, ...more };
    return [
      { ...common, StatementId: 'calls', Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType },
      { ...common, StatementId: 'invokes', Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true },
    ];
  }
  async function allow(...parameters: Parameters<typeof permissions>): Promise<void> {
    for (const permission of permissions(...parameters)) await client.send(new AddPermissionCommand(permission));
  }

  test('AWS_IAM: another account passes where the policy of the function allows it, with both permissions', async () => {
    const shared = await createUrl(client, 'shared', { AuthType: 'AWS_IAM' });
    const { id: friend } = await server.accounts.create('friend');
    const friendKey = await keyOf(friend);
    isForbidden(await call(server, shared, await sign(shared, friendKey)));
    await allow('shared', friend, 'AWS_IAM');
    const answer = await call(server, shared, await sign(shared, friendKey));
    assert.equal(answer.status, 200, answer.text);
    const { requestContext } = JSON.parse(server.invocations[0]!.payload.toString());
    assert.equal(requestContext.authorizer.iam.accountId, friend);
    assert.equal(requestContext.accountId, account);
    const { id: stranger } = await server.accounts.create('stranger');
    isForbidden(await call(server, shared, await sign(shared, await keyOf(stranger))));
    for (const permission of permissions('shared', friend, 'AWS_IAM')) {
      await client.send(new RemovePermissionCommand(permission));
      isForbidden(await call(server, shared, await sign(shared, friendKey)));
      await client.send(new AddPermissionCommand(permission));
      assert.equal((await call(server, shared, await sign(shared, friendKey))).status, 200);
    }
  });

  test('NONE: nobody passes before the policy allows it to anyone, for this AuthType', async () => {
    const open = await createUrl(client, 'public');
    isForbidden(await call(server, open));
    isForbidden(await call(server, open, await sign(open, key)));
    await allow('public', '*', 'AWS_IAM');
    isForbidden(await call(server, open));
    for (const StatementId of ['calls', 'invokes']) {
      await client.send(new RemovePermissionCommand({ FunctionName: 'public', StatementId }));
    }
    await allow('public', '*', 'NONE');
    assert.equal((await call(server, open)).status, 200);
  });

  test('a URL of an alias has the policy of the alias', async () => {
    await createUrl(client, 'aliased');
    await client.send(new CreateAliasCommand({ FunctionName: 'aliased', Name: 'live', FunctionVersion: '$LATEST' }));
    const command = { FunctionName: 'aliased', Qualifier: 'live', AuthType: 'NONE' } as const;
    const made = await client.send(new CreateFunctionUrlConfigCommand(command));
    const live = new URL(made.FunctionUrl!);
    await allow('aliased', '*', 'NONE');
    isForbidden(await call(server, live));
    await allow('aliased', '*', 'NONE', { Qualifier: 'live' });
    assert.equal((await call(server, live)).status, 200);
  });

  test('NONE: anyone passes, whatever credentials come along', async () => {
    const open = await createUrl(client, 'open');
    await allow('open', '*', 'NONE');
    assert.equal((await call(server, open)).status, 200);
    const headers = { authorization: 'Bearer token' };
    assert.equal((await call(server, open, { headers })).status, 200);
    const event = JSON.parse(server.invocations[1]!.payload.toString());
    assert.equal(event.headers.authorization, 'Bearer token', 'they are for the function');
    assert.equal(event.requestContext.authorizer, undefined);
  });

  test('only who has signed may say how old the code may be', async () => {
    const headers = { 'x-hearth-consistency': 'nonsense' };
    const signed = await call(server, url, await sign(url, key, { headers }));
    assert.equal(signed.headers['x-amzn-errortype'], 'InvalidParameterValueException');
    const open = await createUrl(client, 'visited');
    await allow('visited', '*', 'NONE');
    assert.equal((await call(server, open, { headers })).status, 200);
  });

  test('a change of the AuthType counts from the next request on', async () => {
    const changing = await createUrl(client, 'changing');
    await allow('changing', '*', 'NONE');
    assert.equal((await call(server, changing)).status, 200);
    await client.send(new UpdateFunctionUrlConfigCommand({ FunctionName: 'changing', AuthType: 'AWS_IAM' }));
    isForbidden(await call(server, changing));
  });
});

test('in dev mode AWS_IAM asks for credentials, and any will do', async () => {
  await using server = await ApiServer.start();
  const url = await createUrl(server.client(), 'guarded', { AuthType: 'AWS_IAM' });
  assert.equal((await call(server, url)).status, 403);
  const answer = await call(server, url, await sign(url, { accessKeyId: '123456789012', secretAccessKey: 'any' }));
  assert.equal(answer.status, 200);
  const { requestContext } = JSON.parse(server.invocations[0]!.payload.toString());
  assert.equal(requestContext.authorizer.iam.accountId, '123456789012');
  assert.equal(requestContext.accountId, '000000000000');
});
