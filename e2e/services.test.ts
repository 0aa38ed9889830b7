/** AWS's services beside Lambda, on the same port, through AWS's own clients and from inside functions. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { join } from 'node:path';
import { Hearth, run } from './testing/hearth.ts';

const ACCOUNT = '000000000000';
const GREETER = `export const handler = async (event) => {
  console.log('greeting', event.name);
  return event;
};`;
const CALLER = `
  import { CloudWatchLogsClient, DescribeLogGroupsCommand, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
  import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
  const logs = new CloudWatchLogsClient();
  const sts = new STSClient();
  export const handler = async (event) => {
    const { Account, Arn, UserId } = await sts.send(new GetCallerIdentityCommand());
    const { logGroups } = await logs.send(new DescribeLogGroupsCommand());
    const { events } = await logs.send(new FilterLogEventsCommand({ logGroupName: event.group, filterPattern: 'greeting' }));
    return {
      identity: [Account, Arn, UserId],
      groups: logGroups.map(({ logGroupName }) => logGroupName),
      seen: events.map(({ message }) => message.split('\\t').at(-1).trim()),
      endpoints: Object.keys(process.env).filter((name) => name.startsWith('AWS_ENDPOINT_URL')).sort(),
    };
  };`;

describe('several services on one port', () => {
  let hearth: Hearth;
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    hearth = await Hearth.start();
    environment = {
      ...hearth.environment(),
      // Debian's clients, with nobody's own settings.
      PATH: '/usr/bin:/bin',
      HOME: hearth.data,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
    };
    await hearth.create('greeter', GREETER);
    await hearth.invoke('greeter', { name: 'one' });
    await hearth.invoke('greeter', { name: 'two' });
  });

  after(() => hearth[Symbol.asyncDispose]());

  const arguments_ = (...args: string[]) => ['--endpoint-url', hearth.url, ...args];
  const aws = (...args: string[]) => run('aws', arguments_(...args), environment);
  const awsJson = async (...args: string[]): Promise<any> => JSON.parse(await aws(...args));
  const group = ['--log-group-name', '/aws/lambda/greeter'];

  it('T20: awscli reads logs: describe-log-groups, describe-log-streams, get-log-events, filter-log-events', async () => {
    const { logGroups } = await awsJson(
      'logs',
      'describe-log-groups',
      '--log-group-name-prefix',
      '/aws/lambda/greeter',
    );
    assert.equal(logGroups[0].arn, `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/aws/lambda/greeter:*`);
    const order = ['--order-by', 'LastEventTime', '--descending', '--max-items', '1'];
    const { logStreams } = await awsJson('logs', 'describe-log-streams', ...group, ...order);
    const stream = logStreams[0].logStreamName as string;
    assert.match(stream, /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
    const get = ['logs', 'get-log-events', ...group, '--log-stream-name', stream];
    const { events, nextForwardToken } = await awsJson(...get, '--start-from-head');
    assert.match(events[0].message, /^(INIT_START|START RequestId: )/);
    const end = await awsJson(...get, '--start-from-head', '--next-token', nextForwardToken);
    assert.deepEqual([end.events, end.nextForwardToken], [[], nextForwardToken]);
    const filter = ['logs', 'filter-log-events', ...group, '--filter-pattern', 'REPORT "Billed Duration"'];
    const { events: reports } = await awsJson(...filter, '--page-size', '1');
    assert.equal(reports.length, 2);
  });

  it('T20: awscli follows a log: aws logs tail --follow', { timeout: 120_000 }, async () => {
    const args = arguments_('logs', 'tail', '/aws/lambda/greeter', '--follow', '--since', '10m', '--format', 'short');
    // To a pipe it would write only once it has a few thousand characters.
    const env = { ...environment, PYTHONUNBUFFERED: '1' };
    const tail = spawn('aws', args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const seen: string[] = [];
      for await (const line of createInterface({ input: tail.stdout })) {
        const name = /\tgreeting (\w+)/.exec(line)?.[1];
        if (name !== undefined) seen.push(name);
        // It asks again every five seconds.
        if (name === 'two') await hearth.invoke('greeter', { name: 'three' });
        if (name === 'three') break;
      }
      assert.deepEqual(seen, ['one', 'two', 'three']);
    } finally {
      tail.kill('SIGKILL');
    }
  });

  it('awscli asks who it is: aws sts get-caller-identity', async () => {
    const identity = await awsJson('sts', 'get-caller-identity');
    assert.deepEqual(identity, { UserId: ACCOUNT, Account: ACCOUNT, Arn: `arn:aws:iam::${ACCOUNT}:root` });
    assert.equal((await aws('sts', 'get-caller-identity', '--query', 'Account', '--output', 'text')).trim(), ACCOUNT);
  });

  it('awscli is told by name of a service that Hearth does not have', async () => {
    await assert.rejects(aws('sqs', 'list-queues'), /NotImplemented[^]*Hearth does not serve the AWS service .*sqs/);
    await assert.rejects(aws('s3api', 'list-buckets'), /NotImplemented[^]*Hearth does not serve the AWS service .*s3/);
  });

  it('boto3: pages, tokens, exceptions', async () => {
    const script = join(import.meta.dirname, 'testing/boto3_services.py');
    const text = await run('/usr/bin/python3', [script, hearth.url, '/aws/lambda/greeter'], environment);
    const { messages, ...seen } = JSON.parse(text) as { messages: string[] };
    assert.ok(
      messages.some((message) => message.startsWith('REPORT RequestId: ')),
      text,
    );
    assert.deepEqual(seen, {
      identity: [ACCOUNT, ACCOUNT, `arn:aws:iam::${ACCOUNT}:root`],
      groups: ['/aws/lambda/greeter'],
      end: [0, true],
      filtered: ['greeting one', 'greeting two', 'greeting three'],
      notFound: ['ResourceNotFoundException', 400, true],
      exists: ['ResourceAlreadyExistsException', 400, true],
      invalid: ['InvalidParameterException', 400, true],
      notBuilt: ['NotImplemented', 501, true],
    });
  });

  it('the JavaScript SDK: with nothing set but the endpoint', async () => {
    const credentials = { accessKeyId: ACCOUNT, secretAccessKey: 'any' };
    const settings = { endpoint: hearth.url, region: 'us-east-1', credentials };
    assert.equal((await new STSClient(settings).send(new GetCallerIdentityCommand({}))).Account, ACCOUNT);
    const logs = new CloudWatchLogsClient(settings);
    const filter = { logGroupName: '/aws/lambda/greeter', filterPattern: '"START RequestId"' };
    assert.equal((await logs.send(new FilterLogEventsCommand(filter))).events!.length, 3);
  });

  it('a function reaches each service with nothing configured, as its own account only', async () => {
    const account = '111111111111';
    await hearth.create('greeter', GREETER, {}, account);
    await hearth.invoke('greeter', { name: 'mine' }, account);
    const settings = { Timeout: 30, MemorySize: 512 };
    await hearth.create('caller', CALLER, settings, account);
    const { payload, log } = await hearth.invoke('caller', { group: '/aws/lambda/greeter' }, account);
    assert.deepEqual(payload.seen, ['greeting mine'], log);
    const [accountId, arn, userId] = payload.identity as string[];
    assert.deepEqual([accountId, arn], [account, `arn:aws:sts::${account}:assumed-role/any/caller`]);
    assert.match(userId!, /^AROA[A-Z0-9]{17}:caller$/);
    assert.deepEqual(payload.groups, ['/aws/lambda/caller', '/aws/lambda/greeter']);
    assert.deepEqual(payload.endpoints, [
      'AWS_ENDPOINT_URL_CLOUDWATCH_LOGS',
      'AWS_ENDPOINT_URL_LAMBDA',
      'AWS_ENDPOINT_URL_STS',
    ]);
  });
});
