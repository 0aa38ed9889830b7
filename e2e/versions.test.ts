/** Versions and aliases with real sandboxes, as a team uses them: by AWS's CLI. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { InvokeCommand, LambdaClient, PutFunctionConcurrencyCommand } from '@aws-sdk/client-lambda';
import { eventually } from './testing/eventually.ts';
import { Hearth, ROLE, run, zipOf } from './testing/hearth.ts';

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:shop';

/** Says which code it is and what it is told about itself. */
const code = (edition: string) => `
  const loaded = Date.now();
  export const handler = async ({ ms = 0 }, context) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return {
      edition: '${edition}',
      loaded,
      version: context.functionVersion,
      variable: process.env.AWS_LAMBDA_FUNCTION_VERSION,
      arn: context.invokedFunctionArn,
      stream: context.logStreamName,
    };
  };`;

interface Told {
  edition: string;
  /** When its sandbox loaded it. */
  loaded: number;
  version: string;
  variable: string;
  arn: string;
  stream: string;
}

describe('versions and aliases', () => {
  let hearth: Hearth;
  let client: LambdaClient;
  let environment: NodeJS.ProcessEnv;
  let files: string;

  before(async () => {
    hearth = await Hearth.start();
    client = hearth.client();
    files = fs.mkdtempSync(join(hearth.data, 'versions-'));
    for (const edition of ['one', 'two']) {
      fs.writeFileSync(join(files, `${edition}.zip`), await zipOf({ 'index.mjs': code(edition) }));
    }
    environment = {
      ...hearth.environment(),
      PATH: '/usr/bin:/bin',
      HOME: files,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
    };
  });

  after(() => hearth[Symbol.asyncDispose]());

  /** @param command of `aws lambda`, its words parted by spaces. @returns what it printed, parsed. */
  async function aws(command: string): Promise<any> {
    const text = await run('aws', ['--endpoint-url', hearth.url, 'lambda', ...command.split(' ')], environment);
    return text === '' ? undefined : JSON.parse(text);
  }

  async function invoke(qualifier: string | undefined, event: object = {}): Promise<Told & { executed: string }> {
    const answer = await client.send(
      new InvokeCommand({
        FunctionName: 'shop',
        Payload: JSON.stringify(event),
        ...(qualifier === undefined ? {} : { Qualifier: qualifier }),
      }),
    );
    const payload = Buffer.from(answer.Payload!).toString();
    assert.equal(answer.FunctionError, undefined, payload);
    return { ...(JSON.parse(payload) as Told), executed: answer.ExecutedVersion! };
  }

  it('V18: two versions are published and run side by side, each told who it is', async () => {
    await aws(
      'create-function --function-name shop --runtime nodejs26.x --handler index.handler ' +
        `--role ${ROLE} --zip-file fileb://${files}/one.zip`,
    );
    await aws('wait function-active --function-name shop');
    assert.equal((await aws('publish-version --function-name shop')).Version, '1');
    await aws(`update-function-code --function-name shop --zip-file fileb://${files}/two.zip`);
    await aws('wait function-updated --function-name shop');
    assert.equal((await aws('publish-version --function-name shop --description second')).Version, '2');
    for (const [qualifier, edition] of [
      ['1', 'one'],
      ['2', 'two'],
      ['$LATEST', 'two'],
      ['1', 'one'],
    ] as const) {
      const told = await invoke(qualifier);
      assert.deepEqual([told.edition, told.executed], [edition, qualifier]);
      assert.deepEqual([told.version, told.variable, told.arn], [qualifier, qualifier, `${ARN}:${qualifier}`]);
      assert.match(
        told.stream,
        new RegExp(`^\\d{4}/\\d\\d/\\d\\d/\\[${qualifier.replace('$', '\\$')}\\][0-9a-f]{32}$`),
      );
    }
    const { Versions } = await aws('list-versions-by-function --function-name shop');
    assert.deepEqual(
      Versions.map(({ Version, Description }: Record<string, string>) => `${Version} ${Description}`),
      ['$LATEST ', '1 ', '2 second'],
    );
  });

  it('V20: an alias gives a tenth of its invocations to the new version', async () => {
    const made = await aws('create-alias --function-name shop --name live --function-version 1');
    assert.equal(made.AliasArn, `${ARN}:live`);
    assert.equal((await invoke('live')).edition, 'one');
    const shifted = await aws(
      'update-alias --function-name shop --name live --routing-config AdditionalVersionWeights={2=0.1}',
    );
    assert.deepEqual(shifted.RoutingConfig, { AdditionalVersionWeights: { 2: 0.1 } });
    const told = [];
    for (let i = 0; i < 600; i++) told.push(await invoke('live'));
    const second = told.filter(({ edition }) => edition === 'two').length;
    // Six standard deviations on either side: a wrong result by chance once in 500 million runs.
    assert.ok(second > 15 && second < 105, `${second} of 600`);
    for (const { edition, executed, version, arn } of told) {
      assert.deepEqual([executed, version, arn], [edition === 'one' ? '1' : '2', executed, `${ARN}:live`]);
    }
  });

  it('V19, V21: it is rolled back at once, to sandboxes that are still there, and records say which version ran', async () => {
    const update = 'update-alias --function-name shop --name live --function-version';
    await aws(`${update} 2 --routing-config AdditionalVersionWeights={}`);
    for (let i = 0; i < 20; i++) assert.equal((await invoke('live')).edition, 'two');
    const earlier = await invoke('1');
    await aws(`${update} 1`);
    const { startPath, payload } = await hearth.invoke('shop:live');
    assert.deepEqual([payload.edition, payload.loaded, startPath], ['one', earlier.loaded, 'warm']);
    const answer = await client.send(new InvokeCommand({ FunctionName: 'shop:live' }));
    const record = await hearth.get(`/_hearth/invocations/${answer.$metadata.requestId}`);
    assert.equal(record.version, '1');
  });

  it('reserved concurrency is the function’s, over all versions and aliases', async () => {
    await client.send(new PutFunctionConcurrencyCommand({ FunctionName: 'shop', ReservedConcurrentExecutions: 2 }));
    const all = await Promise.allSettled(
      ['1', '2', 'live', '$LATEST', '1', '2'].map((qualifier) => invoke(qualifier, { ms: 1500 })),
    );
    const refused = all.flatMap((one) => (one.status === 'rejected' ? [(one.reason as Error).name] : []));
    assert.deepEqual(
      refused,
      Array.from({ length: 4 }, () => 'TooManyRequestsException'),
    );
  });

  it('a permission of the alias is added, shown and taken back', async () => {
    const added = await aws(
      'add-permission --function-name shop:live --statement-id partner --principal 111122223333 ' +
        '--action lambda:InvokeFunction --source-arn arn:aws:s3:::bucket',
    );
    const statement = {
      Sid: 'partner',
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::111122223333:root' },
      Action: 'lambda:InvokeFunction',
      Resource: `${ARN}:live`,
      Condition: { ArnLike: { 'AWS:SourceArn': 'arn:aws:s3:::bucket' } },
    };
    assert.deepEqual(JSON.parse(added.Statement), statement);
    const { Policy, RevisionId } = await aws('get-policy --function-name shop --qualifier live');
    assert.deepEqual(JSON.parse(Policy), { Version: '2012-10-17', Id: 'default', Statement: [statement] });
    await aws(`remove-permission --function-name shop:live --statement-id partner --revision-id ${RevisionId}`);
    await assert.rejects(aws('get-policy --function-name shop:live'), /ResourceNotFoundException/);
  });

  it('a deleted version ends when its invocations have, and none that an alias needs is deleted', async () => {
    await assert.rejects(
      aws('delete-function --function-name shop --qualifier 1'),
      /ResourceConflictException.* Unable to delete version because the following aliases reference it: \[live\]/s,
    );
    const running = invoke('2', { ms: 2500 });
    await aws('delete-function --function-name shop --qualifier 2');
    assert.equal((await running).edition, 'two');
    await assert.rejects(invoke('2'), { name: 'ResourceNotFoundException' });
    await eventually(async () => {
      const fleet = await hearth.get('/_hearth/fleet');
      const sandboxes = fleet.instances.flatMap((instance: any) => instance.sandboxes);
      const versions = new Set(sandboxes.map(({ version }: any) => version));
      assert.ok(versions.has('1'));
      assert.ok(!versions.has('2'), 'its sandboxes are gone');
    });
    assert.equal((await invoke('live')).edition, 'one');
  });
});
