/** AWS's own clients, told of nothing but the endpoint, go through the life of a function. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as lambda from '@aws-sdk/client-lambda';
import { Hearth, ROLE, run, zipOf } from './testing/hearth.ts';

const ACCOUNT = '000000000000';
const FIRST = `export const handler = async (event, context) => {
  console.log('greeting', event.name);
  return { hello: event.name, version: 1, from: process.env.PLANET ?? null };
};`;
const SECOND = FIRST.replace('version: 1', 'version: 2');

/** Checks the platform's lines around what the function printed. */
function checkLog(log: string, requestId: string): void {
  const lines = log.trimEnd().split('\n');
  assert.equal(lines[0], `START RequestId: ${requestId} Version: $LATEST`, log);
  assert.match(lines[1] ?? '', new RegExp(`^\\d{4}-\\S+Z\t${requestId}\tINFO\tgreeting world$`));
  assert.equal(lines[2], `END RequestId: ${requestId}`);
  assert.match(
    lines[3] ?? '',
    new RegExp(
      `^REPORT RequestId: ${requestId}\tDuration: [\\d.]+ ms\tBilled Duration: \\d+ ms\tMemory Size: 128 MB\tMax Memory Used: \\d+ MB`,
    ),
  );
}

describe("AWS's clients", () => {
  let hearth: Hearth;
  let files: string;
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    hearth = await Hearth.start();
    files = fs.mkdtempSync(join(hearth.data, 'clients-'));
    fs.writeFileSync(join(files, 'first.zip'), await zipOf({ 'index.mjs': FIRST }));
    fs.writeFileSync(join(files, 'second.zip'), await zipOf({ 'index.mjs': SECOND }));
    environment = {
      ...hearth.environment(),
      // Debian's clients, with nobody's own settings.
      PATH: '/usr/bin:/bin',
      HOME: files,
      // The clients insist on having some.
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
    };
  });

  after(() => hearth[Symbol.asyncDispose]());

  /** @returns what the command printed, parsed; undefined where it printed nothing. */
  async function aws(...args: string[]): Promise<any> {
    // Debian 12's client is older than AWS_ENDPOINT_URL.
    const text = await run('aws', ['--endpoint-url', hearth.url, 'lambda', ...args], environment);
    return text === '' ? undefined : JSON.parse(text);
  }

  const failsWith = (pattern: RegExp) => (error: Error & { stderr?: string }) => {
    assert.match(error.stderr ?? error.message, pattern);
    return true;
  };

  it('awscli: creates, waits, invokes, updates, lists, tags and deletes', async () => {
    const zip = (name: string) => ['--zip-file', `fileb://${join(files, name)}`];
    const create = ['create-function', '--function-name', 'cli', '--runtime', 'nodejs26.x', '--role', ROLE];
    const made = await aws(...create, '--handler', 'index.handler', ...zip('first.zip'), '--tags', 'team=blue');
    assert.equal(made.State, 'Pending');
    assert.equal(made.FunctionArn, `arn:aws:lambda:us-east-1:${ACCOUNT}:function:cli`);
    await aws('wait', 'function-active-v2', '--function-name', 'cli');

    const invoke = async () => {
      const out = join(files, 'answer.json');
      const payload = ['--payload', '{"name":"world"}', '--cli-binary-format', 'raw-in-base64-out'];
      const answer = await aws('invoke', '--function-name', 'cli', '--log-type', 'Tail', ...payload, out);
      return { answer, payload: JSON.parse(fs.readFileSync(out, 'utf8')) };
    };
    const { answer, payload } = await invoke();
    assert.equal(answer.StatusCode, 200);
    assert.equal(answer.ExecutedVersion, '$LATEST');
    assert.deepEqual(payload, { hello: 'world', version: 1, from: null });
    const log = Buffer.from(answer.LogResult, 'base64').toString();
    checkLog(log, /RequestId: (\S+)/.exec(log)?.[1] ?? '');

    const found = await aws('get-function', '--function-name', 'cli');
    assert.equal(found.Configuration.State, 'Active');
    assert.deepEqual(found.Tags, { team: 'blue' });
    const code = await run('curl', ['-sSf', '-o', join(files, 'downloaded.zip'), found.Code.Location], environment);
    assert.equal(code, '');
    assert.deepEqual(fs.readFileSync(join(files, 'downloaded.zip')), fs.readFileSync(join(files, 'first.zip')));

    const updated = await aws('update-function-code', '--function-name', 'cli', ...zip('second.zip'));
    assert.notEqual(updated.CodeSha256, made.CodeSha256);
    await aws('wait', 'function-updated-v2', '--function-name', 'cli');
    assert.equal((await invoke()).payload.version, 2);

    const configure = ['update-function-configuration', '--function-name', 'cli', '--timeout', '7'];
    await aws(...configure, '--environment', 'Variables={PLANET=earth}');
    await aws('wait', 'function-updated-v2', '--function-name', 'cli');
    assert.deepEqual((await invoke()).payload, { hello: 'world', version: 2, from: 'earth' });
    assert.equal((await aws('get-function-configuration', '--function-name', 'cli')).Timeout, 7);

    await aws('tag-resource', '--resource', made.FunctionArn, '--tags', 'stage=test');
    await aws('untag-resource', '--resource', made.FunctionArn, '--tag-keys', 'team');
    assert.deepEqual(await aws('list-tags', '--resource', made.FunctionArn), { Tags: { stage: 'test' } });

    const names = await aws('list-functions', '--query', 'Functions[].FunctionName');
    assert.deepEqual(names, ['cli']);
    await assert.rejects(
      aws(...create, '--handler', 'index.handler', ...zip('first.zip')),
      failsWith(/\(ResourceConflictException\).*CreateFunction.*Function already exist: cli/),
    );
    await aws('delete-function', '--function-name', 'cli');
    await assert.rejects(
      aws('get-function', '--function-name', 'cli'),
      failsWith(/\(ResourceNotFoundException\).*GetFunction operation: Function not found: arn:aws:lambda:us-east-1/),
    );
    await assert.rejects(
      aws('list-event-source-mappings'),
      failsWith(/\(NotImplementedException\).*ListEventSourceMappings/),
    );
  });

  it('awscli: gives a function a URL, changes it, and takes it away', async () => {
    const zip = ['--zip-file', `fileb://${join(files, 'first.zip')}`];
    const settings = ['--runtime', 'nodejs26.x', '--role', ROLE, '--handler', 'index.handler'];
    await aws('create-function', '--function-name', 'cli-url', ...settings, ...zip);
    await aws('wait', 'function-active-v2', '--function-name', 'cli-url');
    const name = ['--function-name', 'cli-url'];
    const cors = ['--cors', 'AllowOrigins=https://shop.example,MaxAge=60'];
    const made = await aws('create-function-url-config', ...name, '--auth-type', 'NONE', ...cors);
    assert.match(made.FunctionUrl, /^http:\/\/[a-z0-9]{32}\.lambda-url\.us-east-1\.localhost:\d+\/$/);
    assert.deepEqual(made.Cors, { AllowOrigins: ['https://shop.example'], MaxAge: 60 });
    assert.equal(await run('curl', ['-s', made.FunctionUrl], environment), '{"version":1,"from":null}');
    const changed = await aws('update-function-url-config', ...name, '--auth-type', 'AWS_IAM');
    assert.equal(changed.AuthType, 'AWS_IAM');
    assert.equal(await run('curl', ['-s', made.FunctionUrl], environment), '{"Message":"Forbidden"}');
    assert.equal((await aws('get-function-url-config', ...name)).AuthType, 'AWS_IAM');
    const urls = await aws('list-function-url-configs', ...name, '--query', 'FunctionUrlConfigs[].FunctionUrl');
    assert.deepEqual(urls, [made.FunctionUrl]);
    await aws('delete-function-url-config', ...name);
    await assert.rejects(
      aws('get-function-url-config', ...name),
      failsWith(/\(ResourceNotFoundException\).*The resource you requested does not exist/),
    );
    await aws('delete-function', ...name);
  });

  it('boto3: the same, with its paginator, waiters and exceptions', async () => {
    const script = join(import.meta.dirname, 'testing/boto3_life.py');
    const seen = JSON.parse(await run('python3', [script, hearth.url, files], environment));
    checkLog(seen.log, seen.requestId);
    delete seen.log;
    delete seen.requestId;
    assert.deepEqual(seen, {
      state: 'Pending',
      payload: { hello: 'world', version: 1, from: null },
      downloaded: true,
      updated: { hello: 'world', version: 2, from: null },
      configured: { hello: 'world', version: 2, from: 'mars' },
      tags: { a: '1', c: '3' },
      names: ['py-0', 'py-1', 'py-2'],
      pages: 2,
      functionError: ['Unhandled', 'Runtime.HandlerNotFound'],
      errors: {
        conflict: 'ResourceConflictException 409',
        invalid: 'ValidationException 400',
        missing: 'ResourceNotFoundException 404',
        notBuilt: 'NotImplementedException 501 ListEventSourceMappings',
      },
      left: [],
    });
  });

  describe('the JavaScript SDK', () => {
    let client: lambda.LambdaClient;

    before(() => {
      Object.assign(process.env, {
        AWS_ENDPOINT_URL: hearth.url,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'any',
        AWS_SECRET_ACCESS_KEY: 'any',
        HOME: files,
      });
      client = new lambda.LambdaClient({ maxAttempts: 1 });
    });

    after(() => client.destroy());

    const send = async (name = 'js', event: object = { name: 'world' }) => {
      const command = new lambda.InvokeCommand({
        FunctionName: name,
        Payload: JSON.stringify(event),
        LogType: 'Tail',
      });
      const answer = await client.send(command);
      return { answer, payload: JSON.parse(answer.Payload?.transformToString() ?? '') };
    };
    const create = (name: string, more: Partial<lambda.CreateFunctionCommandInput> = {}) =>
      client.send(
        new lambda.CreateFunctionCommand({
          FunctionName: name,
          Runtime: 'nodejs26.x',
          Handler: 'index.handler',
          Role: ROLE,
          Code: { ZipFile: fs.readFileSync(join(files, 'first.zip')) },
          ...more,
        }),
      );

    it('creates, waits, invokes, updates and waits again', async () => {
      const made = await create('js');
      assert.equal(made.State, 'Pending');
      const waiting = { client, maxWaitTime: 30 };
      assert.equal((await lambda.waitUntilFunctionActiveV2(waiting, { FunctionName: 'js' })).state, 'SUCCESS');
      const { answer, payload } = await send();
      assert.deepEqual(payload, { hello: 'world', version: 1, from: null });
      checkLog(Buffer.from(answer.LogResult ?? '', 'base64').toString(), answer.$metadata.requestId ?? '');

      const { Code } = await client.send(new lambda.GetFunctionCommand({ FunctionName: 'js' }));
      const download = await fetch(Code?.Location ?? '');
      assert.deepEqual(Buffer.from(await download.arrayBuffer()), fs.readFileSync(join(files, 'first.zip')));

      const zip = fs.readFileSync(join(files, 'second.zip'));
      const updated = await client.send(new lambda.UpdateFunctionCodeCommand({ FunctionName: 'js', ZipFile: zip }));
      assert.equal(updated.LastUpdateStatus, 'InProgress');
      await lambda.waitUntilFunctionUpdatedV2(waiting, { FunctionName: 'js' });
      assert.equal((await send()).payload.version, 2);

      const Environment = { Variables: { PLANET: 'venus' } };
      await client.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName: 'js', Environment }));
      await lambda.waitUntilFunctionUpdatedV2(waiting, { FunctionName: 'js' });
      assert.equal((await send()).payload.from, 'venus');
    });

    it('names the function in every form that AWS accepts', async () => {
      const arn = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:js`;
      for (const name of ['js', 'js:$LATEST', arn, `${arn}:$LATEST`, `${ACCOUNT}:function:js`, 'function:js']) {
        assert.equal((await send(name)).payload.version, 2, name);
        const { Configuration } = await client.send(new lambda.GetFunctionCommand({ FunctionName: name }));
        assert.equal(Configuration?.FunctionName, 'js', name);
      }
      for (const name of [`${ACCOUNT}:js`, `us-east-1:${ACCOUNT}:function:js`]) {
        assert.equal((await send(name)).payload.version, 2, name);
      }
      const Qualifier = '$LATEST';
      const { $metadata } = await client.send(new lambda.InvokeCommand({ FunctionName: 'js', Qualifier }));
      assert.equal($metadata.httpStatusCode, 200);
    });

    it('lists page by page', async () => {
      await Promise.all(['page-1', 'page-2', 'page-3'].map((name) => create(name)));
      const pages: number[] = [];
      const names: (string | undefined)[] = [];
      for await (const page of lambda.paginateListFunctions({ client, pageSize: 3 }, {})) {
        pages.push(page.Functions?.length ?? 0);
        names.push(...(page.Functions ?? []).map((found) => found.FunctionName));
      }
      assert.deepEqual(pages, [3, 1]);
      assert.deepEqual(names, ['js', 'page-1', 'page-2', 'page-3']);
    });

    it("answers errors as the SDK's own exceptions", async () => {
      const missing = (error: unknown) => {
        assert.ok(error instanceof lambda.ResourceNotFoundException);
        assert.equal(error.$metadata.httpStatusCode, 404);
        assert.equal(error.message, `Function not found: arn:aws:lambda:us-east-1:${ACCOUNT}:function:nobody`);
        assert.match(error.$metadata.requestId ?? '', /^[\da-f-]{36}$/);
        return true;
      };
      await assert.rejects(send('nobody'), missing);
      await assert.rejects(client.send(new lambda.DeleteFunctionCommand({ FunctionName: 'nobody' })), missing);
      await assert.rejects(create('js'), lambda.ResourceConflictException);
      await assert.rejects(create('small', { MemorySize: 64 }), {
        name: 'ValidationException',
        message:
          "1 validation error detected: Value '64' at 'memorySize' failed to satisfy constraint: " +
          'Member must have value greater than or equal to 128',
      });
      await assert.rejects(
        create('garbage', { Code: { ZipFile: Buffer.from('not a zip file') } }),
        lambda.InvalidParameterValueException,
      );
      const stale = { FunctionName: 'js', Timeout: 4, RevisionId: '00000000-0000-0000-0000-000000000000' };
      await assert.rejects(
        client.send(new lambda.UpdateFunctionConfigurationCommand(stale)),
        lambda.PreconditionFailedException,
      );
    });

    it('is told by name which operation is not built', async () => {
      await assert.rejects(
        client.send(new lambda.ListEventSourceMappingsCommand()),
        (error: lambda.LambdaServiceException) => {
          assert.equal(error.name, 'NotImplementedException');
          assert.equal(error.$metadata.httpStatusCode, 501);
          assert.match(error.message, /ListEventSourceMappings/);
          return true;
        },
      );
      await assert.rejects(client.send(new lambda.InvokeCommand({ FunctionName: 'js', InvocationType: 'Event' })), {
        name: 'NotImplementedException',
      });
    });

    it('tries without running, and deletes', async () => {
      const dry = await client.send(new lambda.InvokeCommand({ FunctionName: 'js', InvocationType: 'DryRun' }));
      assert.equal(dry.StatusCode, 204);
      const names = ['js', 'page-1', 'page-2', 'page-3'];
      for (const name of names) await client.send(new lambda.DeleteFunctionCommand({ FunctionName: name }));
      assert.deepEqual((await client.send(new lambda.ListFunctionsCommand())).Functions, []);
      await assert.rejects(send('js'), lambda.ResourceNotFoundException);
    });
  });
});
