/** What a server with `--auth sigv4` keeps: keys over restarts, secrets sealed, credentials of functions that never run out. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as lambda from '@aws-sdk/client-lambda';
import { Hearth, HEARTH, ROLE, run, zipOf } from './testing/hearth.ts';
import { clientWith, type Keys, newAccount, operate } from './testing/operator.ts';

/** Waits, and says with what key it began and as whom it acts in the end. */
const CODE = `
import { STSClient, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
export const handler = async ({ wait }) => {
  const key = process.env.AWS_ACCESS_KEY_ID;
  await new Promise((resolve) => setTimeout(resolve, wait));
  const { Arn } = await new STSClient({ maxAttempts: 1 }).send(new GetCallerIdentityCommand({}));
  return { key, arn: Arn };
};`;

describe('what --auth sigv4 keeps', () => {
  it('P8: credentials of functions are renewed, and outlast what runs', async () => {
    const settings = { sessionMs: 4000, sandboxIdleMs: 60_000 };
    await using hearth = await Hearth.start({ flags: ['--auth', 'sigv4'], settings });
    const keys = await newAccount(hearth);
    const client = clientWith(hearth, keys);
    const FunctionName = 'waits';
    const Code = { ZipFile: await zipOf({ 'index.mjs': CODE }) };
    const request = { FunctionName, Runtime: 'nodejs26.x', Handler: 'index.handler', Role: ROLE, Code } as const;
    await client.send(new lambda.CreateFunctionCommand({ ...request, Timeout: 20 }));
    await lambda.waitUntilFunctionActiveV2({ client, maxWaitTime: 30, minDelay: 0.05 }, { FunctionName });
    const invoke = async (event: unknown) => {
      const answer = await client.send(new lambda.InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }));
      return JSON.parse(Buffer.from(answer.Payload!).toString());
    };
    // Longer than half of the life of credentials, and than all of it: the function's time-out asks for more.
    const first = await invoke({ wait: 6000 });
    assert.equal(first.arn, `arn:aws:sts::${keys.account}:assumed-role/any/waits`);
    const second = await invoke({ wait: 0 });
    assert.equal(second.arn, first.arn);
    assert.notEqual(second.key, first.key);
  });

  it('keys, a new master key and a lost one: a restart finds everything, or says what to do and loses nothing', async () => {
    const data = fs.mkdtempSync('/var/tmp/hearth-e2e-');
    try {
      const start = (variables: Record<string, string> = {}) =>
        Hearth.start({ data, flags: ['--auth', 'sigv4'], variables });
      const ended = /the server (ended with code 1|said: undefined)/;
      let keys: Keys;
      const masterKey = join(data, 'data', 'master.key');
      {
        await using hearth = await start();
        keys = await newAccount(hearth);
        const Code = { ZipFile: await zipOf({ 'index.mjs': 'export const handler = () => process.env.PASSWORD;' }) };
        const request = { Runtime: 'nodejs26.x', Handler: 'index.handler', Role: ROLE, Code } as const;
        const Environment = { Variables: { PASSWORD: 'secret' } };
        await clientWith(hearth, keys).send(
          new lambda.CreateFunctionCommand({ FunctionName: 'f', Environment, ...request }),
        );
        const before = fs.readFileSync(masterKey, 'utf8');
        await operate(hearth, 'account', 'rekey');
        const after = fs.readFileSync(masterKey, 'utf8');
        assert.notEqual(after, before);
        assert.equal(after.split('\n').length, before.split('\n').length);
        await clientWith(hearth, keys).send(new lambda.ListFunctionsCommand({}));
      }
      fs.renameSync(masterKey, `${masterKey}.kept`);
      await assert.rejects(start(), ended);
      const variables = { HEARTH_MASTER_KEY: 'a'.repeat(64) };
      await assert.rejects(start(variables), ended);
      assert.equal(fs.existsSync(masterKey), false);
      await using hearth = await start({ HEARTH_MASTER_KEY_FILE: `${masterKey}.kept` });
      const answer = await clientWith(hearth, keys).send(new lambda.InvokeCommand({ FunctionName: 'f' }));
      assert.equal(Buffer.from(answer.Payload!).toString(), '"secret"');
    } finally {
      fs.rmSync(data, { recursive: true, force: true });
    }
  });

  it('says what is wrong with an address that others reach, or is taken, and ends', async () => {
    await using hearth = await Hearth.start({ flags: ['--auth', 'sigv4', '--regions', 'eu-west-1'] });
    const environment = hearth.environment();
    const dev = run(HEARTH, ['up', '--host', '0.0.0.0', '--data', join(hearth.data, 'other')], environment);
    await assert.rejects(dev, (error: any) => /Hint: .*--auth sigv4/.test(error.stderr));
    const flags = ['up', '--auth', 'sigv4', '--port', String(hearth.port), '--data', join(hearth.data, 'other')];
    await assert.rejects(run(HEARTH, flags, environment), (error: any) => {
      assert.equal(error.code, 1, error.stderr);
      return /choose another --port/.test(error.stderr);
    });
    const keys = { account: '', accessKeyId: 'AKIAAAAAAAAAAAAAAAAA', secretAccessKey: 'x' };
    await assert.rejects(clientWith(hearth, keys).send(new lambda.ListFunctionsCommand({})), {
      name: 'InvalidSignatureException',
      message: "Credential should be scoped to a valid region, not 'us-east-1'. ",
    });
  });
});
