import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApiServer, OPERATOR_TOKEN, zipOf } from '../testing/api-server.ts';

let server: ApiServer;
before(async () => {
  server = await ApiServer.start({ auth: 'sigv4' });
});
after(() => server[Symbol.asyncDispose]());

/** Asks as the operator. */
async function ask(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; code: string | null; body: any }> {
  const response = await fetch(`${server.url}/_hearth/${path}`, {
    method,
    headers: { authorization: `Bearer ${OPERATOR_TOKEN}` },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const code = response.headers.get('x-amzn-errortype');
  return { status: response.status, code, body: await response.json() };
}

test('an account is made, changed, listed and deleted; its keys are told once', async () => {
  const made = await ask('POST', 'accounts', { name: 'blue', limits: { concurrency: 5 } });
  assert.equal(made.status, 201);
  const { id } = made.body;
  assert.match(id, /^\d{12}$/);
  assert.deepEqual(server.accounts.limits(id), { concurrency: 5 });
  const key = (await ask('POST', `accounts/${id}/keys`)).body;
  assert.match(key.accessKeyId, /^AKIA[A-Z2-7]{16}$/);
  assert.equal(key.secretAccessKey.length, 40);
  const changed = await ask('PATCH', `accounts/${id}`, { limits: { concurrency: null } });
  assert.deepEqual([changed.body.name, changed.body.limits], ['blue', {}]);
  const listed = (await ask('GET', 'accounts')).body.accounts.find((one: { id: string }) => one.id === id);
  assert.deepEqual(
    listed.keys.map((one: { id: string; status: string }) => [one.id, one.status]),
    [[key.accessKeyId, 'Active']],
  );
  assert.ok(!JSON.stringify(listed).includes(key.secretAccessKey));
  assert.deepEqual((await ask('DELETE', `accounts/${id}`)).body, { deleted: id });
  assert.equal((await ask('GET', `accounts/${id}`)).code, 'ResourceNotFoundException');
});

test('an account may be given the id of one that --auth dev has used', async () => {
  assert.equal((await ask('POST', 'accounts', { id: '000000000000' })).body.id, '000000000000');
});

test('an account with a function is kept', async () => {
  const { id } = (await ask('POST', 'accounts')).body;
  const caller = { account: id, region: 'eu-west-1' };
  const Code = { ZipFile: await zipOf({ 'index.mjs': 'export const handler = 1;' }) };
  const role = `arn:aws:iam::${id}:role/r`;
  await server.functions.create(caller, {
    FunctionName: 'f',
    Runtime: 'nodejs26.x',
    Handler: 'index.handler',
    Role: role,
    Code,
  });
  assert.equal((await ask('DELETE', `accounts/${id}`)).code, 'ResourceConflictException');
  await server.functions.delete(caller, 'f');
  assert.equal((await ask('DELETE', `accounts/${id}`)).status, 200);
});

// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
test('two keys of an account are active at most; deactivated ones make room and may come back', async () => {
  const { id } = (await ask('POST', 'accounts')).body;
  const [first, second] = [await ask('POST', `accounts/${id}/keys`), await ask('POST', `accounts/${id}/keys`)];
  const third = await ask('POST', `accounts/${id}/keys`);
  assert.equal(third.code, 'ResourceConflictException');
  assert.match(third.body.message ?? third.body.Message, /2 active keys.*Hint: deactivate/);
  const path = `accounts/${id}/keys/${first.body.accessKeyId}`;
  assert.equal((await ask('PATCH', path, { status: 'Inactive' })).body.status, 'Inactive');
  assert.equal((await ask('POST', `accounts/${id}/keys`)).status, 201);
  assert.equal((await ask('PATCH', path, { status: 'Active' })).code, 'ResourceConflictException');
  await ask('DELETE', `accounts/${id}/keys/${second.body.accessKeyId}`);
  assert.equal((await ask('PATCH', path, { status: 'Active' })).body.status, 'Active');
  assert.equal((await ask('DELETE', `accounts/${id}/keys/AKIANONE`)).code, 'ResourceNotFoundException');
});

test('what is no account, no key, no number or no JSON is refused by name', async () => {
  const { id } = (await ask('POST', 'accounts')).body;
  const wrong: [string, string, unknown, string][] = [
    ['POST', 'accounts', '{', 'InvalidParameterValueException'],
    ['POST', 'accounts', '[]', 'InvalidParameterValueException'],
    ['POST', 'accounts', { name: 7 }, 'InvalidParameterValueException'],
    ['POST', 'accounts', { nam: 'x' }, 'InvalidParameterValueException'],
    ['POST', 'accounts', { id: '12' }, 'InvalidParameterValueException'],
    ['POST', 'accounts', { id }, 'ResourceConflictException'],
    ['PATCH', `accounts/${id}`, { id: '000000000000' }, 'InvalidParameterValueException'],
    ['POST', 'accounts', { limits: { concurrency: -1 } }, 'InvalidParameterValueException'],
    ['PATCH', `accounts/${id}`, { limits: null }, 'InvalidParameterValueException'],
    ['PATCH', `accounts/${id}/keys/x`, { status: 'Gone' }, 'InvalidParameterValueException'],
    ['POST', `accounts/999999999999/keys`, undefined, 'ResourceNotFoundException'],
    ['PUT', 'accounts', undefined, 'UnknownOperationException'],
    ['POST', `accounts/${id}/keys/a/b`, undefined, 'UnknownOperationException'],
    ['GET', `accounts/${id}/secrets`, undefined, 'UnknownOperationException'],
    ['POST', 'accounts', 'x'.repeat(70_000), 'RequestEntityTooLargeException'],
  ];
  for (const [method, path, body, code] of wrong) {
    assert.equal((await ask(method, path, body)).code, code, `${method} ${path} ${JSON.stringify(body)?.slice(0, 50)}`);
  }
  assert.deepEqual(server.failures, []);
});

test('a new master key is made when the operator asks for it, by POST alone', async () => {
  assert.equal((await ask('GET', 'rekey')).code, 'UnknownOperationException');
  assert.equal(server.rekeys, 0);
  assert.equal((await ask('POST', 'rekey')).status, 200);
  assert.equal(server.rekeys, 1);
});

test('a server that checks no credentials makes none that would be good later', async () => {
  await using dev = await ApiServer.start();
  for (const path of ['accounts', 'rekey']) {
    const response = await fetch(`${dev.url}/_hearth/${path}`, { method: 'POST' });
    assert.equal(response.status, 403);
    assert.match(await response.text(), /--auth sigv4/);
  }
  assert.equal(dev.accounts.size, 0);
});
