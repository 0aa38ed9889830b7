import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { settled } from '../../invoke/testing/test-fleet.ts';
import { ApiServer, OPERATOR_TOKEN, zipOf } from '../testing/api-server.ts';

const A = '111111111111';

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

interface Answer {
  status: number;
  code: string | null;
  body: any;
}

async function ask(method: string, path: string, body?: unknown, to = server, token?: string): Promise<Answer> {
  const response = await fetch(`${to.url}/_hearth/${path}`, {
    method,
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, code: response.headers.get('x-amzn-errortype'), body: await response.json() };
}

test('capacity is bought, ready before any request, changed and released (D4, D20)', async () => {
  const made = await ask('POST', 'capacity', {
    account: A,
    class: 'dedicated',
    amount: 2,
    functions: ['hello', { name: 'hello:live', sandboxes: 2 }],
    until: '2099-12-31T23:00:00Z',
    schedule: null,
  });
  assert.equal(made.status, 201);
  const { id } = made.body;
  assert.match(id, /^cap-[0-9a-f]{12}$/);
  await settled();
  const { body } = await ask('GET', `capacity/${id}`);
  assert.deepEqual(body.instances, { target: 2, ready: 2, coming: 0, inUse: 0, lent: 0 });
  assert.equal(body.state, 'ready');
  assert.equal(body.memoryMb, 1536);
  assert.equal(body.until, '2099-12-31T23:00:00.000Z');
  assert.deepEqual(body.functions, [
    { name: 'hello', sandboxes: 0 },
    { name: 'hello:live', sandboxes: 2 },
  ]);
  const changed = await ask('PATCH', `capacity/${id}`, { amount: 1, until: null });
  assert.deepEqual([changed.body.amount, changed.body.until, changed.body.functions.length], [1, null, 2]);
  await settled();
  assert.equal((await ask('GET', `capacity/${id}`)).body.instances.ready, 1);
  assert.deepEqual((await ask('DELETE', `capacity/${id}`)).body, { released: id });
  assert.equal((await ask('GET', `capacity/${id}`)).code, 'ResourceNotFoundException');
  assert.equal((await ask('DELETE', `capacity/${id}`)).code, 'ResourceNotFoundException');
});

test('each sub-pool says of which kind its constraints are (D8)', async () => {
  const variable = await ask('POST', 'capacity', { account: A, class: 'variable', constraints: { minFreeShare: 0.9 } });
  const reserved = await ask('POST', 'capacity', { account: A, class: 'reserved', amount: 3, lendSeconds: 5 });
  await settled();
  const { subPools } = (await ask('GET', 'capacity')).body;
  const kinds = Object.fromEntries(subPools.map((one: any) => [one.id.replace(/cap-.*/, 'ID'), one.constraints]));
  assert.deepEqual(kinds, { general: 'fixed', 'variable/ID': 'variable', 'reserved/ID': 'fixed' });
  for (const { body } of [variable, reserved]) await ask('DELETE', `capacity/${body.id}`);
});

test('an account chooses what becomes of its requests in a shortage (D13)', async () => {
  const set = await ask('PUT', `capacity/policies/${A}`, { policy: 'grow', maxInstances: 4, waitSeconds: 20 });
  assert.deepEqual(set.body, { account: A, policy: { kind: 'grow', maxInstances: 4, waitMs: 20_000 } });
  assert.deepEqual((await ask('GET', 'capacity')).body.policies, [set.body]);
  await ask('PUT', `capacity/policies/${A}`, { policy: 'deny' });
  assert.deepEqual((await ask('GET', 'capacity')).body.policies, [{ account: A, policy: { kind: 'deny' } }]);
});

test('what is wrong is refused, and says what is right', async () => {
  const window = { days: ['mon'], from: '08:00', to: '18:00' };
  const wrong: [unknown, RegExp][] = [
    [{}, /class is one of dedicated, reserved, variable/],
    [{ class: 'dedicated', amount: 1.5 }, /amount is a whole number/],
    [{ class: 'dedicated', colour: 'red' }, /"colour" is nothing/],
    [{ class: 'dedicated', constraints: {} }, /variable only/],
    [{ class: 'variable', constraints: { minFreeShare: 2 } }, /from 0 to 1/],
    [{ class: 'dedicated', lendSeconds: 5 }, /reserved only/],
    [{ class: 'dedicated', runtimes: ['cobol'] }, /nodejs26/],
    [{ class: 'dedicated', until: 'tomorrow' }, /2026-12-31/],
    [{ class: 'dedicated', until: '2020-01-01T00:00:00Z' }, /lies in the past/],
    [{ class: 'dedicated', schedule: { timeZone: 'Mars', windows: [window] } }, /time zone database/],
    [{ class: 'dedicated', schedule: { timeZone: 'UTC', windows: [] } }, /windows is a list of 1/],
    [{ class: 'dedicated', schedule: { timeZone: 'UTC', windows: [{ ...window, to: '8:00' }] } }, /like 08:30/],
    [{ class: 'dedicated', schedule: { timeZone: 'UTC', windows: [{ ...window, days: ['noday'] }] } }, /sun, mon/],
    [{ class: 'dedicated', account: 'me' }, /12 digits/],
    [{ class: 'dedicated', memoryMb: 192 }, /more than the 192 MB/],
    [{ class: 'dedicated', amount: 99 }, /this server has 8192 MB .* Hint/],
    ['[]', /no JSON object/],
  ];
  for (const [body, message] of wrong) {
    const answer = await ask('POST', 'capacity', body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.match(answer.body.message ?? answer.body.Message, message);
  }
  assert.equal((await ask('PUT', `capacity/policies/${A}`, { policy: 'grow' })).status, 400);
  assert.equal((await ask('PUT', 'capacity/policies/me', { policy: 'deny' })).status, 400);
  assert.equal((await ask('POST', 'capacity/usage', {})).code, 'UnknownOperationException');
  assert.equal((await ask('GET', 'capacity/usage?from=never')).status, 400);
  assert.deepEqual((await ask('GET', 'capacity')).body.purchases, []);
});

test('usage is told by class, in gigabytes times hours (D22)', async () => {
  const { id } = (await ask('POST', 'capacity', { account: A, class: 'dedicated' })).body;
  await settled();
  await ask('GET', 'capacity/usage');
  server.capacity.bought.onDemand(A).used(1024, 3_600_000);
  const { usage } = (await ask('GET', `capacity/usage?account=${A}`)).body;
  const rows = Object.fromEntries(usage.map((row: any) => [row.class, row]));
  assert.deepEqual([rows['on-demand'].usedGbHours, rows['on-demand'].cost, rows['on-demand'].invocations], [1, 1, 1]);
  assert.ok(rows.dedicated.heldGbHours > 0);
  assert.ok(rows.dedicated.cost < rows.dedicated.heldGbHours);
  assert.match(rows.dedicated.hour, /T\d\d:00:00\.000Z$/);
  assert.deepEqual((await ask('GET', 'capacity/usage?account=222222222222')).body.usage, []);
  await ask('DELETE', `capacity/${id}`);
});

test('the code of the functions it names is in its instances, also of one that is made later (D2)', async () => {
  const bought = await ask('POST', 'capacity', { account: A, class: 'dedicated', functions: ['later'] });
  await settled();
  const caller = { account: A, region: 'us-east-1' };
  const Code = { ZipFile: await zipOf({ 'index.mjs': 'export const handler = 1;' }) };
  const role = `arn:aws:iam::${A}:role/r`;
  const common = { Runtime: 'nodejs26.x', Handler: 'index.handler', Role: role } as const;
  await server.functions.create(caller, { FunctionName: 'later', ...common, Code });
  assert.equal(server.functions.find(caller, 'later')?.functionName, 'later');
  assert.equal(server.functions.find(caller, 'never'), undefined);
  await ask('DELETE', `capacity/${bought.body.id}`);
});

test('what was bought, and the policies, are there again after a restart (D4)', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hearth-capacity-api-'));
  try {
    let id = '';
    {
      await using first = await ApiServer.start({ data });
      id = (await ask('POST', 'capacity', { account: A, class: 'dedicated', amount: 2 }, first)).body.id;
      await ask('PUT', `capacity/policies/${A}`, { policy: 'deny' }, first);
    }
    await using second = await ApiServer.start({ data });
    await settled();
    const { purchases, policies } = (await ask('GET', 'capacity', undefined, second)).body;
    assert.deepEqual(
      purchases.map((one: any) => [one.id, one.instances.ready]),
      [[id, 2]],
    );
    assert.deepEqual(policies, [{ account: A, policy: { kind: 'deny' } }]);
  } finally {
    await rm(data, { recursive: true });
  }
});

test('where signatures are checked only the operator buys, for accounts that exist', async () => {
  await using signed = await ApiServer.start({ auth: 'sigv4' });
  assert.equal((await ask('GET', 'capacity', undefined, signed)).status, 403);
  const account = await signed.accounts.create('blue', {});
  const bought = await ask('POST', 'capacity', { account: account.id, class: 'dedicated' }, signed, OPERATOR_TOKEN);
  assert.equal(bought.status, 201);
  const nobody = await ask('POST', 'capacity', { account: A, class: 'dedicated' }, signed, OPERATOR_TOKEN);
  assert.equal(nobody.code, 'ResourceNotFoundException');
});
