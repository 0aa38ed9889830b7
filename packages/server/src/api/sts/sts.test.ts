import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { AssumeRoleCommand, GetCallerIdentityCommand, GetSessionTokenCommand, STSClient } from '@aws-sdk/client-sts';
import type { AssumeRoleCommandInput, Credentials } from '@aws-sdk/client-sts';
import { ApiServer } from '../testing/api-server.ts';

// https://docs.aws.amazon.com/STS/latest/APIReference/ has a page for each operation that is called here.

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

const ACCOUNT = '111111111111';

function clientOf(accessKeyId: string, session?: Credentials): STSClient {
  const credentials =
    session === undefined
      ? { accessKeyId, secretAccessKey: 'secret' }
      : {
          accessKeyId: session.AccessKeyId!,
          secretAccessKey: session.SecretAccessKey!,
          sessionToken: session.SessionToken!,
        };
  return new STSClient({ endpoint: server.url, region: 'us-east-1', credentials, maxAttempts: 1 });
}

const assume = (client: STSClient, more: Partial<AssumeRoleCommandInput> = {}) =>
  client.send(
    new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${ACCOUNT}:role/path/reader`, RoleSessionName: 'me', ...more }),
  );

async function refused(answer: Promise<unknown>, name: string, message: RegExp, status: number): Promise<void> {
  await assert.rejects(answer, (error: Error & { $metadata?: { httpStatusCode?: number; requestId?: string } }) => {
    assert.equal(error.name, name);
    assert.match(error.message, message);
    assert.equal(error.$metadata?.httpStatusCode, status);
    assert.match(error.$metadata?.requestId ?? '', /^[0-9a-f-]{36}$/);
    return true;
  });
}

test('a role of the own account is taken as a name, and its credentials act for the account', async () => {
  const { Credentials: session, AssumedRoleUser } = await assume(clientOf(ACCOUNT), { DurationSeconds: 900 });
  assert.match(session!.AccessKeyId!, /^ASIA/);
  assert.ok(Math.abs(session!.Expiration!.getTime() - Date.now() - 900_000) < 60_000);
  assert.equal(AssumedRoleUser!.Arn, `arn:aws:sts::${ACCOUNT}:assumed-role/reader/me`);
  const identity = await clientOf('', session).send(new GetCallerIdentityCommand({}));
  assert.deepEqual([identity.Account, identity.Arn], [ACCOUNT, AssumedRoleUser!.Arn]);
  assert.equal(identity.UserId, AssumedRoleUser!.AssumedRoleId);
  assert.match(identity.UserId!, /^AROA[A-Z2-7]{17}:me$/);
});

test('what a session can’t be is refused', async () => {
  const client = clientOf(ACCOUNT);
  const theirs = assume(client, { RoleArn: 'arn:aws:iam::222222222222:role/reader' });
  await refused(
    theirs,
    'AccessDenied',
    /^User: arn:aws:iam::111111111111:root is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::2/,
    403,
  );
  await refused(assume(client, { DurationSeconds: 899 }), 'ValidationError', /'durationSeconds'.*equal to 900$/, 400);
  await refused(assume(client, { RoleSessionName: 'a b' }), 'ValidationError', /'roleSessionName'/, 400);
  await refused(assume(client, { RoleArn: 'arn:aws:iam::x:user/y-and-more' }), 'ValidationError', /is invalid$/, 400);
  await refused(assume(client, { Policy: '{}' }), 'NotImplemented', /^Policy of AssumeRole is not supported/, 501);
  const { Credentials: session } = await assume(client);
  const chained = clientOf('', session);
  assert.ok((await assume(chained)).Credentials);
  await refused(assume(chained, { DurationSeconds: 3601 }), 'ValidationError', /role chaining$/, 400);
  const token = chained.send(new GetSessionTokenCommand({}));
  await refused(token, 'AccessDenied', /^Cannot call GetSessionToken with session credentials$/, 403);
});

test('a session of the account itself lasts an hour and acts as the account', async () => {
  const client = clientOf(ACCOUNT);
  const { Credentials: session } = await client.send(new GetSessionTokenCommand({ DurationSeconds: 129_600 }));
  assert.ok(Math.abs(session!.Expiration!.getTime() - Date.now() - 3_600_000) < 60_000);
  const identity = await clientOf('', session).send(new GetCallerIdentityCommand({}));
  assert.equal(identity.Arn, `arn:aws:iam::${ACCOUNT}:root`);
  assert.equal(identity.UserId, ACCOUNT);
});

test('sessions are good where signatures are checked, for every service, until they expire', async () => {
  await using strict = await ApiServer.start({ auth: 'sigv4' });
  const { id: account } = await strict.accounts.create('one');
  const key = await strict.accounts.createKey(account);
  const settings = { endpoint: strict.url, region: 'us-east-1', maxAttempts: 1 };
  const owner = new STSClient({
    ...settings,
    credentials: { accessKeyId: key.id, secretAccessKey: key.secret },
  });
  const { Credentials: session } = await owner.send(
    new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${account}:role/reader`, RoleSessionName: 'me' }),
  );
  const credentials = {
    accessKeyId: session!.AccessKeyId!,
    secretAccessKey: session!.SecretAccessKey!,
    sessionToken: session!.SessionToken!,
  };
  const sts = new STSClient({ ...settings, credentials });
  assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Account, account);
  const lambda = strict.client(account);
  lambda.config.credentials = () => Promise.resolve(credentials);
  assert.deepEqual((await lambda.send(new ListFunctionsCommand({}))).Functions, []);
  const other = new STSClient({ ...settings, credentials: { ...credentials, secretAccessKey: 'guessed' } });
  await refused(other.send(new GetCallerIdentityCommand({})), 'SignatureDoesNotMatch', /signature/i, 403);
  strict.skew = 3_600_000;
  const late = new STSClient({ ...settings, credentials, systemClockOffset: 3_600_000 });
  await refused(late.send(new GetCallerIdentityCommand({})), 'ExpiredToken', /expired/, 403);
});
