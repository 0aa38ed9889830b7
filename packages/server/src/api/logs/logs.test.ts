import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DeleteLogGroupCommand,
  DeleteLogStreamCommand,
  DeleteRetentionPolicyCommand,
  DescribeLogGroupsCommand,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  ListTagsForResourceCommand,
  ListTagsLogGroupCommand,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import type {
  DescribeLogGroupsCommandInput,
  DescribeLogStreamsCommandInput,
  FilterLogEventsCommandInput,
  GetLogEventsCommandInput,
} from '@aws-sdk/client-cloudwatch-logs';
import { ApiServer } from '../testing/api-server.ts';

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/ has a page for each operation that is called here.

let server: ApiServer;
let client: CloudWatchLogsClient;
before(async () => {
  server = await ApiServer.start();
  client = clientOf('111111111111');
});
after(() => server[Symbol.asyncDispose]());

function clientOf(accessKeyId: string, region = 'us-east-1'): CloudWatchLogsClient {
  const credentials = { accessKeyId, secretAccessKey: 'secret' };
  return new CloudWatchLogsClient({ endpoint: server.url, region, credentials, maxAttempts: 1 });
}

let names = 0;
async function newGroup(...streams: string[]): Promise<string> {
  const logGroupName = `/test/${names++}`;
  await client.send(new CreateLogGroupCommand({ logGroupName }));
  for (const logStreamName of streams) {
    await client.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
  }
  return logGroupName;
}

const put = (logGroupName: string, logStreamName: string, ...events: [number, string][]) =>
  client.send(
    new PutLogEventsCommand({
      logGroupName,
      logStreamName,
      logEvents: events.map(([timestamp, message]) => ({ timestamp, message })),
    }),
  );
const get = (logGroupName: string, logStreamName: string, more: Partial<GetLogEventsCommandInput> = {}) =>
  client.send(new GetLogEventsCommand({ logGroupName, logStreamName, ...more }));
const filter = (logGroupName: string, more: Partial<FilterLogEventsCommandInput> = {}) =>
  client.send(new FilterLogEventsCommand({ logGroupName, ...more }));
const streams = (logGroupName: string, more: Partial<DescribeLogStreamsCommandInput> = {}) =>
  client.send(new DescribeLogStreamsCommand({ logGroupName, ...more }));
const messages = (answer: { events?: { message?: string | undefined }[] | undefined }) =>
  answer.events!.map(({ message }) => message);

async function refused(answer: Promise<unknown>, name: string, message: RegExp): Promise<void> {
  await assert.rejects(answer, (error: Error & { $metadata?: { httpStatusCode?: number } }) => {
    assert.equal(error.name, name);
    assert.match(error.message, message);
    assert.equal(error.$metadata?.httpStatusCode, 400);
    return true;
  });
}

const NOW = Date.now();

test('T20: a group is made, described, listed by prefix and by part, in pages, and deleted', async () => {
  const own = clientOf('222222222222');
  for (const name of ['/b/two', '/a/one', '/b/three']) {
    await own.send(new CreateLogGroupCommand({ logGroupName: name, tags: { team: name } }));
  }
  const list = async (input: DescribeLogGroupsCommandInput) => {
    const { logGroups, nextToken } = await own.send(new DescribeLogGroupsCommand(input));
    return { names: logGroups!.map(({ logGroupName }) => logGroupName), nextToken };
  };
  assert.deepEqual((await list({})).names, ['/a/one', '/b/three', '/b/two']);
  assert.deepEqual((await list({ logGroupNamePrefix: '/b' })).names, ['/b/three', '/b/two']);
  assert.deepEqual((await list({ logGroupNamePattern: 'o' })).names, ['/a/one', '/b/two']);
  const first = await list({ limit: 2 });
  assert.deepEqual(first.names, ['/a/one', '/b/three']);
  assert.deepEqual(await list({ limit: 2, nextToken: first.nextToken! }), { names: ['/b/two'], nextToken: undefined });
  const [group] = (await own.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: '/a' }))).logGroups!;
  assert.ok(Math.abs(group!.creationTime! - Date.now()) < 60_000);
  assert.deepEqual(
    { ...group, creationTime: 0 },
    {
      logGroupName: '/a/one',
      creationTime: 0,
      metricFilterCount: 0,
      arn: 'arn:aws:logs:us-east-1:222222222222:log-group:/a/one:*',
      storedBytes: 0,
      logGroupClass: 'STANDARD',
      logGroupArn: 'arn:aws:logs:us-east-1:222222222222:log-group:/a/one',
      deletionProtectionEnabled: false,
    },
  );
  await refused(list({ logGroupNamePrefix: 'a', logGroupNamePattern: 'b' }), 'InvalidParameterException', /mutually/);
  await refused(list({ nextToken: 'what' }), 'InvalidParameterException', /^The specified nextToken is invalid\.$/);
  await own.send(new DeleteLogGroupCommand({ logGroupName: '/b/two' }));
  assert.deepEqual((await list({})).names, ['/a/one', '/b/three']);
  const gone = own.send(new DeleteLogGroupCommand({ logGroupName: '/b/two' }));
  await refused(gone, 'ResourceNotFoundException', /^The specified log group does not exist\.$/);
  assert.deepEqual((await client.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: '/a' }))).logGroups, []);
  const west = clientOf('222222222222', 'eu-west-1');
  assert.deepEqual((await west.send(new DescribeLogGroupsCommand({}))).logGroups, []);
});

test('names and numbers are held against the model, in the words of this service', async () => {
  const create = (logGroupName: string) => client.send(new CreateLogGroupCommand({ logGroupName }));
  await refused(
    create('no spaces'),
    'InvalidParameterException',
    /^1 validation error detected: Value 'no spaces' at 'logGroupName' failed to satisfy constraint: Member must satisfy/,
  );
  await refused(create('AWS/mine'), 'InvalidParameterException', /reserved for AWS/);
  const name = await newGroup('s');
  await refused(create(name), 'ResourceAlreadyExistsException', /^The specified log group already exists$/);
  const again = client.send(new CreateLogStreamCommand({ logGroupName: name, logStreamName: 's' }));
  await refused(again, 'ResourceAlreadyExistsException', /^The specified log stream already exists$/);
  await refused(get(name, 'other'), 'ResourceNotFoundException', /^The specified log stream does not exist\.$/);
  await refused(get('/none', 's'), 'ResourceNotFoundException', /^The specified log group does not exist\.$/);
  await refused(get(name, 's', { limit: 10_001 }), 'InvalidParameterException', /less than or equal to 10000/);
  const key = client.send(new CreateLogGroupCommand({ logGroupName: '/k', kmsKeyId: 'arn:aws:kms:a:b:key/c' }));
  await refused(key, 'InvalidParameterException', /^kmsKeyId of CreateLogGroup is not supported by Hearth yet/);
});

test('tags are set, listed and removed, by ARN and by name', async () => {
  const logGroupName = await newGroup();
  const resourceArn = `arn:aws:logs:us-east-1:111111111111:log-group:${logGroupName}`;
  await client.send(new TagResourceCommand({ resourceArn, tags: { a: '1', b: '2' } }));
  await client.send(new UntagResourceCommand({ resourceArn, tagKeys: ['a', 'x'] }));
  assert.deepEqual((await client.send(new ListTagsForResourceCommand({ resourceArn }))).tags, { b: '2' });
  assert.deepEqual((await client.send(new ListTagsLogGroupCommand({ logGroupName }))).tags, { b: '2' });
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, '']));
  await refused(client.send(new TagResourceCommand({ resourceArn, tags: many })), 'TooManyTagsException', /at most 50/);
  const theirs = resourceArn.replace('111111111111', '222222222222');
  const other = client.send(new ListTagsForResourceCommand({ resourceArn: theirs }));
  await refused(other, 'ResourceNotFoundException', /does not exist/);
});

test('what is older than the retention is there for nobody', async () => {
  const logGroupName = await newGroup('s');
  const day = 24 * 60 * 60 * 1000;
  await put(logGroupName, 's', [NOW - 4 * day, 'old']);
  await put(logGroupName, 's', [NOW, 'new']);
  const retain = (retentionInDays: number) =>
    client.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays }));
  await refused(retain(2), 'InvalidParameterException', /must be one of 1, 3, 5, 7, 14/);
  await retain(3);
  const [group] = (await client.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: logGroupName }))).logGroups!;
  assert.equal(group!.retentionInDays, 3);
  assert.deepEqual(messages(await get(logGroupName, 's')), ['new']);
  assert.deepEqual(messages(await filter(logGroupName)), ['new']);
  const late = await put(logGroupName, 's', [NOW - 4 * day, 'too old'], [NOW - 4 * day, 'too'], [NOW - 3.5 * day, 'x']);
  assert.deepEqual(late.rejectedLogEventsInfo, { expiredLogEventEndIndex: 3 });
  await client.send(new DeleteRetentionPolicyCommand({ logGroupName }));
  assert.deepEqual(messages(await get(logGroupName, 's')), ['old', 'new']);
});

test('streams are listed by name and by their last event, forward and back, in pages', async () => {
  const group = await newGroup('b', 'a', 'ab', 'empty');
  await put(group, 'b', [NOW - 1000, 'x'], [NOW - 100, 'y']);
  await put(group, 'a', [NOW - 200, 'x']);
  await put(group, 'ab', [NOW - 300, 'x']);
  const list = async (more: Partial<DescribeLogStreamsCommandInput>) => {
    const { logStreams, nextToken } = await streams(group, more);
    return [logStreams!.map(({ logStreamName }) => logStreamName).join(' '), nextToken];
  };
  assert.deepEqual(await list({}), ['a ab b empty', undefined]);
  assert.deepEqual(await list({ descending: true }), ['empty b ab a', undefined]);
  assert.deepEqual(await list({ logStreamNamePrefix: 'a' }), ['a ab', undefined]);
  assert.deepEqual(await list({ orderBy: 'LastEventTime', descending: true }), ['b a ab empty', undefined]);
  const [one, token] = await list({ orderBy: 'LastEventTime', descending: true, limit: 3 });
  assert.equal(one, 'b a ab');
  const rest = await list({ orderBy: 'LastEventTime', descending: true, limit: 3, nextToken: token! });
  assert.deepEqual(rest, ['empty', undefined]);
  const both = list({ orderBy: 'LastEventTime', logStreamNamePrefix: 'a' });
  await refused(both, 'InvalidParameterException', /^Cannot order by LastEventTime with a logStreamNamePrefix\.$/);
  const [, , b, empty] = (await streams(group)).logStreams!;
  assert.equal(b!.firstEventTimestamp, NOW - 1000);
  assert.equal(b!.lastEventTimestamp, NOW - 100);
  assert.ok(b!.lastIngestionTime! >= b!.creationTime!);
  assert.equal(b!.arn, `arn:aws:logs:us-east-1:111111111111:log-group:${group}:log-stream:b`);
  assert.equal(b!.storedBytes, 0);
  assert.equal(empty!.lastEventTimestamp, undefined);
});

test('a deleted stream is gone with its events, and its name free', async () => {
  const logGroupName = await newGroup('s', 't');
  await put(logGroupName, 's', [NOW, 'before']);
  await put(logGroupName, 't', [NOW, 'other']);
  await client.send(new DeleteLogStreamCommand({ logGroupName, logStreamName: 's' }));
  await refused(get(logGroupName, 's'), 'ResourceNotFoundException', /log stream does not exist/);
  assert.deepEqual(messages(await filter(logGroupName)), ['other']);
  await client.send(new CreateLogStreamCommand({ logGroupName, logStreamName: 's' }));
  assert.deepEqual(messages(await get(logGroupName, 's')), []);
  await put(logGroupName, 's', [NOW, 'after']);
  assert.deepEqual(messages(await filter(logGroupName)), ['other', 'after']);
});

test('T20: GetLogEvents goes forward and back, and gives the same token where there is no more', async () => {
  // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
  const group = await newGroup('s');
  await put(group, 's', ...Array.from({ length: 10 }, (_, i): [number, string] => [NOW + i, `${i}`]));
  const last = await get(group, 's', { limit: 3 });
  assert.deepEqual(messages(last), ['7', '8', '9']);
  const back = await get(group, 's', { limit: 3, nextToken: last.nextBackwardToken! });
  assert.deepEqual(messages(back), ['4', '5', '6']);
  const first = await get(group, 's', { limit: 9, startFromHead: true });
  assert.deepEqual(messages(first), ['0', '1', '2', '3', '4', '5', '6', '7', '8']);
  const next = await get(group, 's', { limit: 9, startFromHead: true, nextToken: first.nextForwardToken! });
  assert.deepEqual(messages(next), ['9']);
  const end = await get(group, 's', { startFromHead: true, nextToken: next.nextForwardToken! });
  assert.deepEqual(messages(end), []);
  assert.equal(end.nextForwardToken, next.nextForwardToken);
  assert.deepEqual(messages(await get(group, 's', { limit: 2, nextToken: end.nextBackwardToken! })), ['8', '9']);
  const beginning = await get(group, 's', { nextToken: first.nextBackwardToken! });
  assert.deepEqual(messages(beginning), []);
  assert.equal(beginning.nextBackwardToken, first.nextBackwardToken);
  const again = await get(group, 's', { limit: 1, startFromHead: true, nextToken: beginning.nextForwardToken! });
  assert.deepEqual(messages(again), ['0']);
  await put(group, 's', [NOW + 50, 'new']);
  assert.deepEqual(messages(await get(group, 's', { nextToken: end.nextForwardToken! })), ['new']);
  for (const nextToken of ['x', 'f/1/s', 'f/x/s']) {
    await refused(get(group, 's', { nextToken }), 'InvalidParameterException', /nextToken is invalid/);
  }
  const some = await get(group, 's', { startTime: NOW + 3, endTime: NOW + 5 });
  assert.deepEqual(messages(some), ['3', '4'], 'the end is not included');
  const [event] = some.events!;
  assert.equal(event!.timestamp, NOW + 3);
  assert.ok(Math.abs(event!.ingestionTime! - Date.now()) < 60_000);
});

test('an empty stream has tokens too, by which what comes later is found', async () => {
  const group = await newGroup('s');
  const empty = await get(group, 's', { startFromHead: true });
  assert.deepEqual(messages(empty), []);
  const still = await get(group, 's', { nextToken: empty.nextForwardToken! });
  assert.equal(still.nextForwardToken, empty.nextForwardToken);
  await put(group, 's', [NOW, 'first']);
  assert.deepEqual(messages(await get(group, 's', { nextToken: empty.nextForwardToken! })), ['first']);
});

test('T20: FilterLogEvents gives the events of all streams by their times, in pages, each with its own id', async () => {
  // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
  const group = await newGroup('one', 'two', 'three');
  await put(group, 'two', [NOW - 90, 'b ERROR'], [NOW - 50, 'f']);
  await put(group, 'one', [NOW - 100, 'a'], [NOW - 80, 'c ERROR'], [NOW - 60, 'e']);
  await put(group, 'three', [NOW - 80, 'd ERROR again']);
  assert.equal(messages(await filter(group)).join(), 'a,b ERROR,c ERROR,d ERROR again,e,f');
  assert.equal(messages(await filter(group, { startFromHead: false })).join(), 'f,e,d ERROR again,c ERROR,b ERROR,a');
  const all: (string | undefined)[] = [];
  const ids: string[] = [];
  for (const startFromHead of [true, false]) {
    let nextToken: string | undefined;
    do {
      const page = await filter(group, { limit: 2, startFromHead, ...(nextToken === undefined ? {} : { nextToken }) });
      all.push(...messages(page));
      ids.push(...page.events!.map(({ eventId }) => eventId!));
      assert.deepEqual(page.searchedLogStreams, []);
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
  }
  assert.equal(all.map((text) => text![0]).join(''), 'abcdeffedcba');
  assert.equal(new Set(ids).size, 6);
  assert.ok(ids.every((id) => /^\d{56}$/.test(id)));
  assert.equal(messages(await filter(group, { filterPattern: 'ERROR -again' })).join(), 'b ERROR,c ERROR');
  assert.equal(messages(await filter(group, { logStreamNames: ['one', 'three'] })).length, 4);
  assert.equal(messages(await filter(group, { logStreamNamePrefix: 't' })).length, 3);
  const from = { startTime: NOW - 90, endTime: NOW - 80 };
  assert.equal(messages(await filter(group, from)).length, 3, 'the end is included');
  const both = filter(group, { logStreamNames: ['one'], logStreamNamePrefix: 'o' });
  await refused(both, 'InvalidParameterException', /not both/);
  await refused(filter(group, { logStreamNames: ['none'] }), 'ResourceNotFoundException', /stream does not exist/);
  await refused(filter(group, { filterPattern: '{ $.a = ' }), 'InvalidParameterException', /^Invalid filter pattern/);
  const arn = `arn:aws:logs:us-east-1:111111111111:log-group:${group}`;
  const byArn = await client.send(new FilterLogEventsCommand({ logGroupIdentifier: arn }));
  assert.equal(byArn.events!.length, 6);
  const neither = client.send(new FilterLogEventsCommand({}));
  await refused(neither, 'InvalidParameterException', /either logGroupName or logGroupIdentifier/);
});

test('a page holds no more than 1 MB of events, and the next one goes on', async () => {
  const group = await newGroup('s');
  const text = 'x'.repeat(200_000);
  for (let batch = 0; batch < 3; batch++) {
    await put(group, 's', ...Array.from({ length: 5 }, (_, i): [number, string] => [NOW, `${batch}${i}${text}`]));
  }
  const sizes: number[] = [];
  const seen: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await filter(group, nextToken === undefined ? {} : { nextToken });
    sizes.push(page.events!.length);
    seen.push(...page.events!.map(({ message }) => message!.slice(0, 2)));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  assert.deepEqual(sizes, [5, 5, 5]);
  assert.equal(new Set(seen).size, 15);
});

test('PutLogEvents holds a batch against the rules of AWS', async () => {
  // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
  const group = await newGroup('s');
  const hour = 60 * 60 * 1000;
  await refused(put(group, 's', [NOW, 'b'], [NOW - 1, 'a']), 'InvalidParameterException', /chronological order/);
  await refused(put(group, 's', [NOW - 25 * hour, 'a'], [NOW, 'b']), 'InvalidParameterException', /more than 24 hours/);
  await refused(
    put(group, 's', [NOW, 'x'.repeat(262_144)]),
    'InvalidParameterException',
    /^Log event too large: 262170 bytes/,
  );
  const many = Array.from({ length: 5 }, (): [number, string] => [NOW, 'x'.repeat(220_000)]);
  await refused(
    put(group, 's', ...many),
    'InvalidParameterException',
    /^Upload too large: 1100130 bytes exceeds limit of 1048576$/,
  );
  await refused(put(group, 'none', [NOW, 'a']), 'ResourceNotFoundException', /log stream does not exist/);
  const mixed = await put(
    group,
    's',
    [NOW - 15 * 24 * hour, 'too old'],
    [NOW - hour, 'good'],
    [NOW, 'good too'],
    [NOW + 3 * hour, 'too new'],
  );
  assert.deepEqual(mixed.rejectedLogEventsInfo, { tooOldLogEventEndIndex: 1, tooNewLogEventStartIndex: 3 });
  assert.deepEqual(messages(await get(group, 's')), ['good', 'good too']);
  await put(group, 's', [NOW, 'several\nlines\n are one event, ünïcode too']);
  assert.equal(messages(await get(group, 's', { limit: 1 }))[0], 'several\nlines\n are one event, ünïcode too');
});

test('what functions log is there as soon as it is logged, with the names of AWS', async () => {
  const stream = `2026/11/21/[$LATEST]${'0'.repeat(32)}`;
  const owner = { account: '111111111111', region: 'us-east-1' };
  const writer = server.store.open(owner, '/aws/lambda/hello', stream);
  writer.write('START\nline\nEND\n', 'request');
  assert.deepEqual(messages(await filter('/aws/lambda/hello')), ['START', 'line', 'END']);
  const page = await filter('/aws/lambda/hello', { limit: 1, filterPattern: 'line' });
  await server.store.flush();
  const later = await filter('/aws/lambda/hello', { limit: 1, filterPattern: 'line' });
  assert.equal(later.events![0]!.eventId, page.events![0]!.eventId, 'an id outlives the way to the disk');
  assert.deepEqual(messages(await get('/aws/lambda/hello', stream)), ['START', 'line', 'END']);
  assert.equal((await streams('/aws/lambda/hello')).logStreams![0]!.logStreamName, stream);
  await client.send(new DeleteLogGroupCommand({ logGroupName: '/aws/lambda/hello' }));
  await refused(filter('/aws/lambda/hello'), 'ResourceNotFoundException', /group does not exist/);
  writer.write('a function that goes on makes it anew');
  assert.equal(messages(await filter('/aws/lambda/hello')).length, 1);
});
