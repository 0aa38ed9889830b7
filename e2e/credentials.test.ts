/** `--auth sigv4`: a server for others. Accounts and keys by the command, requests by AWS's own clients and by hand. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as lambda from '@aws-sdk/client-lambda';
import { Hearth, HEARTH, ROLE, run, zipOf } from './testing/hearth.ts';
import { clientWith, type Keys, newAccount, operate } from './testing/operator.ts';

/** Echoes its event, or does what it is told with its own credentials. */
const CODE = `
import { LambdaClient, InvokeCommand } from '@aws-sdk/client-lambda';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { STSClient, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
export const handler = async (event) => {
  if (event.show) return Object.fromEntries(event.show.map((name) => [name, process.env[name] ?? null]));
  if (event.whoami) return (await new STSClient({}).send(new GetCallerIdentityCommand({}))).Arn;
  if (event.scan) {
    // A process of its own, to show that the scan finds what is there.
    const planted = spawn('/bin/sleep', ['10'], { env: { PLANTED: event.plant } });
    await new Promise((resolve) => planted.once('spawn', resolve));
    // Whatever this sandbox can read of processes, for another's credentials.
    const wanted = [...event.scan, event.plant];
    const found = [];
    for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name))) {
      for (const file of ['environ', 'cmdline']) {
        try {
          const text = fs.readFileSync('/proc/' + pid + '/' + file, 'latin1');
          found.push(...wanted.filter((secret) => text.includes(secret)));
        } catch {}
      }
    }
    planted.kill('SIGKILL');
    return found;
  }
  if (event.get) {
    const response = await fetch(process.env.AWS_ENDPOINT_URL_LAMBDA + event.get, { headers: event.headers ?? {} });
    return { status: response.status, body: await response.text() };
  }
  if (event.invoke) {
    const credentials = event.credentials;
    const client = new LambdaClient(credentials ? { credentials, maxAttempts: 1 } : { maxAttempts: 1 });
    try {
      const { Payload } = await client.send(new InvokeCommand({ FunctionName: event.invoke, Payload: '{"from":"inside"}' }));
      return JSON.parse(Buffer.from(Payload));
    } catch (error) {
      return { name: error.name, message: error.message };
    }
  }
  return event;
};`;

describe('--auth sigv4', () => {
  let hearth: Hearth;
  let home: string;
  let one: Keys;
  let two: Keys;

  const token = () => fs.readFileSync(join(hearth.dataDirectory, 'operator.token'), 'utf8').trim();

  const command = (...args: string[]) => operate(hearth, ...args);
  const client = (keys: Omit<Keys, 'account'>) => clientWith(hearth, keys);

  async function invoke(keys: Omit<Keys, 'account'>, event: unknown, FunctionName = 'echo'): Promise<any> {
    const Payload = JSON.stringify(event);
    const answer = await client(keys).send(new lambda.InvokeCommand({ FunctionName, Payload }));
    return JSON.parse(Buffer.from(answer.Payload!).toString());
  }

  async function create(keys: Keys, name: string, settings: object = {}): Promise<void> {
    const Code = {
      ZipFile: await zipOf({ 'index.mjs': CODE }),
    };
    const request = { FunctionName: name, Runtime: 'nodejs26.x', Handler: 'index.handler', Role: ROLE, Code } as const;
    await client(keys).send(new lambda.CreateFunctionCommand({ ...request, ...settings }));
    const waiter = { client: client(keys), maxWaitTime: 30, minDelay: 0.05 };
    await lambda.waitUntilFunctionActiveV2(waiter, { FunctionName: name });
  }

  const fails =
    (name: string, message: RegExp, status = 403) =>
    (error: any) => {
      assert.equal(error.name, name, error.message);
      assert.match(error.message, message);
      assert.equal(error.$metadata.httpStatusCode, status);
      return true;
    };

  before(async () => {
    hearth = await Hearth.start({ flags: ['--auth', 'sigv4'], settings: { sandboxIdleMs: 60_000 } });
    home = fs.mkdtempSync(join(hearth.data, 'home-'));
    one = await newAccount(hearth, 'one');
    two = await newAccount(hearth, 'two');
    await create(one, 'echo', { Environment: { Variables: { PASSWORD: 'kept-in-the-dark' } } });
  });

  after(() => hearth[Symbol.asyncDispose]());

  it('P1: the JavaScript SDK, with a right and a wrong secret, an unknown key, and none', async () => {
    assert.deepEqual(await invoke(one, { a: 'ü☃' }), { a: 'ü☃' });
    const wrong = { ...one, secretAccessKey: `${one.secretAccessKey.slice(1)}x` };
    await assert.rejects(invoke(wrong, {}), fails('InvalidSignatureException', /The request signature we calculated/));
    const unknown = { ...one, accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' };
    await assert.rejects(invoke(unknown, {}), fails('UnrecognizedClientException', /security token included/));
    const response = await fetch(`${hearth.url}/2015-03-31/functions`);
    assert.equal(response.status, 403);
    assert.equal(response.headers.get('x-amzn-errortype'), 'MissingAuthenticationTokenException');
  });

  it('P1: an account sees nothing of another', async () => {
    await assert.rejects(invoke(two, {}), fails('ResourceNotFoundException', /echo/, 404));
    const arn = `arn:aws:lambda:us-east-1:${one.account}:function:echo`;
    await assert.rejects(invoke(two, {}, arn), fails('AccessDeniedException', /not authorized|account/i));
    const { Functions } = await client(two).send(new lambda.ListFunctionsCommand({}));
    assert.deepEqual(Functions, []);
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-cross-account.html
  it('P1: what a resource policy allows to a role, functions of another account do in that role, and nobody else', async () => {
    const arn = `arn:aws:lambda:us-east-1:${one.account}:function:echo`;
    const role = (name: string) => `arn:aws:iam::${two.account}:role/${name}`;
    await create(two, 'guest', { Role: role('guest') });
    await create(two, 'stranger', { Role: role('stranger') });
    const permission = { FunctionName: 'echo', StatementId: 'guests' };
    await client(one).send(
      new lambda.AddPermissionCommand({ ...permission, Action: 'lambda:InvokeFunction', Principal: role('guest') }),
    );
    assert.deepEqual(await invoke(two, { invoke: arn }, 'guest'), { from: 'inside' });
    const refused = (name: string) => ({
      name: 'AccessDeniedException',
      message:
        `User: arn:aws:sts::${two.account}:assumed-role/${name}/${name} is not authorized to perform: lambda:InvokeFunction on ` +
        `resource: ${arn} because no resource-based policy allows the lambda:InvokeFunction action`,
    });
    assert.deepEqual(await invoke(two, { invoke: arn }, 'stranger'), refused('stranger'));
    await assert.rejects(invoke(two, {}, arn), fails('AccessDeniedException', /no resource-based policy allows/));
    await client(one).send(new lambda.RemovePermissionCommand(permission));
    assert.deepEqual(await invoke(two, { invoke: arn }, 'guest'), refused('guest'));
    for (const name of ['guest', 'stranger']) {
      await client(two).send(new lambda.DeleteFunctionCommand({ FunctionName: name }));
    }
  });

  it("P1: Debian's awscli, boto3 and curl sign what the server accepts", async () => {
    const environment = {
      PATH: '/usr/bin:/bin',
      HOME: home,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: one.accessKeyId,
      AWS_SECRET_ACCESS_KEY: one.secretAccessKey,
    };
    const out = join(home, 'out.json');
    const payload = ['--payload', '{"by":"cli"}', '--cli-binary-format', 'raw-in-base64-out'];
    await run(
      'aws',
      ['--endpoint-url', hearth.url, 'lambda', 'invoke', '--function-name', 'echo', ...payload, out],
      environment,
    );
    assert.equal(fs.readFileSync(out, 'utf8'), '{"by":"cli"}');
    const script = `
import boto3, json, sys
client = boto3.client('lambda', endpoint_url=sys.argv[1])
arn = client.get_function(FunctionName='echo')['Configuration']['FunctionArn']
answer = client.invoke(FunctionName=arn, Qualifier='$LATEST', Payload=json.dumps({'by': 'boto3', 'ü': '☃'}), LogType='Tail')
print(json.dumps([json.load(answer['Payload']), client.list_tags(Resource=arn)['Tags']]))`;
    assert.deepEqual(JSON.parse(await run('python3', ['-c', script, hearth.url], environment)), [
      { by: 'boto3', ü: '☃' },
      {},
    ]);
    const who = ['--aws-sigv4', 'aws:amz:us-east-1:lambda', '--user', `${one.accessKeyId}:${one.secretAccessKey}`];
    const what = ['-H', 'Content-Type: application/json', '-d', '{"by":"curl"}'];
    const where = `${hearth.url}/2015-03-31/functions/echo/invocations`;
    const curl = await run('curl', ['-sS', ...who, ...what, where], environment);
    assert.equal(curl, '{"by":"curl"}');
    const refused = await run('aws', ['--endpoint-url', hearth.url, 'sts', 'get-caller-identity'], {
      ...environment,
      AWS_SECRET_ACCESS_KEY: 'wrong',
    }).catch((error: Error & { stderr?: string }) => error.stderr ?? '');
    assert.match(refused, /\(SignatureDoesNotMatch\)/);
  });

  it('a body that was changed on the way is refused before anything runs', async () => {
    for (const name of ['echo', 'never-there']) {
      const changing = client(one);
      changing.middlewareStack.add(
        (next) => (args: any) => {
          args.request.body = Buffer.from('{"changed":true}');
          args.request.headers['content-length'] = '16';
          return next(args);
        },
        { step: 'finalizeRequest', priority: 'low' },
      );
      const changed = changing.send(new lambda.InvokeCommand({ FunctionName: name, Payload: '{"changed":1}' }));
      await assert.rejects(changed, fails('InvalidSignatureException', /The request signature we calculated/));
    }
  });

  it("the operator's endpoints need the token; health needs nothing", async () => {
    const bearer = (value: string) => ({ headers: { authorization: `Bearer ${value}` } });
    assert.equal((await fetch(`${hearth.url}/_hearth/health`)).status, 200);
    const paths = ['fleet', 'metrics', 'invocations/x', 'logs?function=echo', 'version', 'accounts', 'rekey'];
    for (const path of paths) {
      for (const options of [{}, bearer('wrong'), bearer(''), bearer(`${token()}x`)]) {
        const response = await fetch(`${hearth.url}/_hearth/${path}`, options);
        assert.equal(response.status, 403, path);
        assert.match(await response.text(), /operator's token/);
      }
    }
    const fleet = await fetch(`${hearth.url}/_hearth/fleet`, bearer(token()));
    assert.equal(fleet.status, 200);
    assert.ok(((await fleet.json()) as { instances: unknown[] }).instances.length > 0);
    assert.equal(fs.statSync(join(hearth.dataDirectory, 'operator.token')).mode & 0o777, 0o600);
    assert.match(
      await run(HEARTH, ['logs', 'echo'], {
        ...hearth.environment(),
        HEARTH_OPERATOR_TOKEN: token(),
        AWS_ACCESS_KEY_ID: one.accessKeyId,
      }),
      /REPORT RequestId/,
    );
  });

  // https://docs.aws.amazon.com/IAM/latest/UserGuide/id-credentials-access-keys-update.html
  it('P8: keys are rotated with no gap, and a key that is deactivated stops working at once', async () => {
    const owner = await newAccount(hearth, 'rotating');
    await client(owner).send(new lambda.ListFunctionsCommand({}));
    const next: Keys = await command('account', 'key', 'rotate', owner.account);
    const both = [owner, next];
    for (const keys of both) await client(keys).send(new lambda.ListFunctionsCommand({}));
    await assert.rejects(
      run(HEARTH, ['account', 'key', 'create', owner.account], {
        ...hearth.environment(),
        HEARTH_OPERATOR_TOKEN: token(),
      }),
      (error: any) => /2 active keys.*Hint: .*deactivate/s.test(error.stderr),
    );
    await command('account', 'key', 'deactivate', owner.account, owner.accessKeyId);
    await assert.rejects(client(owner).send(new lambda.ListFunctionsCommand({})), {
      name: 'UnrecognizedClientException',
    });
    await client(next).send(new lambda.ListFunctionsCommand({}));
    const keys = await command('account', 'key', 'list', owner.account);
    assert.deepEqual(
      keys.map(({ id, status }: any) => [id, status]),
      [
        [owner.accessKeyId, 'Inactive'],
        [next.accessKeyId, 'Active'],
      ],
    );
    assert.ok(keys.every(({ lastUsedAt }: any) => Date.now() - lastUsedAt < 60_000));
    assert.ok(!JSON.stringify(keys).includes(next.secretAccessKey));
    await command('account', 'delete', owner.account);
    await assert.rejects(client(next).send(new lambda.ListFunctionsCommand({})), {
      name: 'UnrecognizedClientException',
    });
    assert.ok(!(await command('account', 'list')).some(({ id }: any) => id === owner.account));
  });

  it('an account with functions is not deleted', async () => {
    const env = { ...hearth.environment(), HEARTH_OPERATOR_TOKEN: token() };
    await assert.rejects(run(HEARTH, ['account', 'delete', one.account], env), (error: any) =>
      /still has functions/.test(error.stderr),
    );
  });

  describe("a function's own credentials", () => {
    let session: Keys;

    before(async () => {
      const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
      const shown = await invoke(one, { show: names });
      session = {
        account: one.account,
        accessKeyId: shown.AWS_ACCESS_KEY_ID,
        secretAccessKey: shown.AWS_SECRET_ACCESS_KEY,
        sessionToken: shown.AWS_SESSION_TOKEN,
      };
    });

    it('P8: act as its account, from inside and from outside', async () => {
      assert.match(session.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
      assert.deepEqual(await invoke(session, { a: 1 }), { a: 1 });
      assert.deepEqual(await invoke(one, { invoke: 'echo' }), { from: 'inside' });
      const { sessionToken: _, ...withoutToken } = session;
      await assert.rejects(invoke(withoutToken, {}), { name: 'UnrecognizedClientException' });
      await assert.rejects(invoke({ ...session, sessionToken: `A${session.sessionToken!.slice(1)}` }, {}), {
        name: 'UnrecognizedClientException',
      });
    });

    it('P8: say whose role it is', async () => {
      const arn = `arn:aws:sts::${one.account}:assumed-role/any/echo`;
      assert.equal(await invoke(one, { whoami: true }), arn);
    });

    it("N4: unsigned, and with another account's keys, a function can do nothing", async () => {
      const unsigned = await invoke(one, { get: '/2015-03-31/functions' });
      assert.equal(unsigned.status, 403);
      assert.match(unsigned.body, /Missing Authentication Token/);
      const { accessKeyId, secretAccessKey } = two;
      const foreign = await invoke(one, { invoke: 'echo', credentials: { accessKeyId, secretAccessKey } });
      assert.equal(foreign.name, 'AccessDeniedException', JSON.stringify(foreign));
      const operator = await invoke(one, { get: '/_hearth/fleet', headers: { authorization: `Bearer ${token()}` } });
      assert.equal(operator.status, 403);
    });
    it('X20, N4: no other sandbox sees them, and nobody finds them, or any other secret, on the disk or in a log', async () => {
      await create(one, 'neighbour');
      const secrets = [session.secretAccessKey, session.sessionToken!, one.secretAccessKey, two.secretAccessKey];
      const own = await invoke(one, { show: ['AWS_SESSION_TOKEN'] }, 'neighbour');
      assert.notEqual(own.AWS_SESSION_TOKEN, session.sessionToken);
      assert.deepEqual(await invoke(one, { scan: secrets, plant: 'planted' }, 'neighbour'), ['planted']);
      secrets.push('kept-in-the-dark', own.AWS_SESSION_TOKEN);
      const files = fs
        .readdirSync(hearth.dataDirectory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile());
      assert.ok(files.some(({ name }) => name === 'accounts.db') && files.some(({ name }) => name === 'functions.db'));
      for (const { name, parentPath } of files) {
        const text = fs.readFileSync(join(parentPath, name), 'latin1');
        for (const secret of secrets) assert.ok(!text.includes(secret), `${name} holds ${secret}`);
      }
      for (const secret of [...secrets, token()]) assert.ok(!hearth.errors.includes(secret));
      for (const name of ['master.key', 'operator.token', 'accounts.db', 'functions.db']) {
        assert.equal(fs.statSync(join(hearth.dataDirectory, name)).mode & 0o777, 0o600, name);
      }
    });
  });
});
