/** Versions, aliases and policies under any changes at once, in whatever order, and after a start of the server. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ApiError } from '@hearth/protocol';
import fc from 'fast-check';
import { zipOf } from '../api/testing/api-server.ts';
import { FilesystemBlobStore } from '../storage/filesystem/blob-store.ts';
import { SqliteMetadataStore } from '../storage/sqlite/metadata-store.ts';
import { Functions } from './functions.ts';

const OWNER = { account: '000000000000', region: 'us-east-1' };
const FunctionName = 'f';
const CODES = await Promise.all([1, 2, 3].map((n) => zipOf({ 'index.js': `exports.n = ${n}` })));
const everything = { marker: undefined, maxItems: undefined };

type Step =
  | { kind: 'create' | 'update'; code: number; publish: boolean }
  | { kind: 'configure'; timeout: number }
  | { kind: 'publish' }
  | { kind: 'alias'; name: string; version: string; other: string | undefined }
  | { kind: 'delete-alias' | 'allow' | 'forbid'; name: string }
  | { kind: 'delete-version'; version: string }
  | { kind: 'delete' };

const code = fc.nat(CODES.length - 1);
const publish = fc.boolean();
const name = fc.constantFrom('live', 'stage', '__proto__');
const version = fc.constantFrom('1', '2', '3', '4');
const kind = <const Kind extends string>(value: Kind) => fc.constant(value);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: kind('create'), code, publish }) },
  { weight: 8, arbitrary: fc.record({ kind: kind('update'), code, publish }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('configure'), timeout: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: kind('publish') }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: kind('alias'),
      name,
      version: fc.oneof(version, fc.constant('$LATEST')),
      other: fc.option(version, { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('delete-alias'), name }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('allow'), name }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('forbid'), name }) },
  { weight: 8, arbitrary: fc.record({ kind: kind('delete-version'), version }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('delete') }) },
);

/** @returns the number of the version that was published, if one was asked for. */
async function run(functions: Functions, action: Step): Promise<string | undefined> {
  switch (action.kind) {
    case 'create': {
      const made = await functions.create(OWNER, {
        FunctionName,
        Runtime: 'nodejs26.x',
        Handler: 'index.handler',
        Role: 'arn:aws:iam::000000000000:role/r',
        Code: { ZipFile: CODES[action.code]! },
        Publish: action.publish,
      });
      return made.Version;
    }
    case 'update': {
      const change = { FunctionName, ZipFile: CODES[action.code]!, Publish: action.publish };
      return (await functions.updateCode(OWNER, change)).Version;
    }
    case 'configure':
      await functions.updateConfiguration(OWNER, { FunctionName, Timeout: action.timeout });
      return undefined;
    case 'publish':
      return (await functions.versions.publish(OWNER, { FunctionName })).Version;
    case 'alias': {
      const weights = action.other === undefined ? {} : { [action.other]: 0.5 };
      const request = {
        FunctionName,
        Name: action.name,
        FunctionVersion: action.version,
        RoutingConfig: { AdditionalVersionWeights: weights },
      };
      const exists = functions.aliases.list(OWNER, FunctionName, { ...everything, version: undefined });
      const update = exists.items.some(({ Name }) => Name === action.name);
      await (update ? functions.aliases.update(OWNER, request) : functions.aliases.create(OWNER, request));
      return undefined;
    }
    case 'delete-alias':
      await functions.aliases.delete(OWNER, FunctionName, action.name);
      return undefined;
    case 'allow': {
      const permission = { StatementId: 's', Action: 'lambda:InvokeFunction', Principal: '111111111111' };
      await functions.policies.add(OWNER, { FunctionName, Qualifier: action.name, ...permission });
      return undefined;
    }
    case 'forbid':
      await functions.policies.remove(OWNER, { FunctionName, Qualifier: action.name, StatementId: 's' });
      return undefined;
    case 'delete-version':
      await functions.delete(OWNER, FunctionName, action.version);
      return undefined;
    case 'delete':
      await functions.delete(OWNER, FunctionName);
      return undefined;
    default:
      throw new Error('no such step');
  }
}

/** All that can be seen of the function; undefined where there is none. */
function view(functions: Functions): object | undefined {
  const { items: all } = functions.list(OWNER, { ...everything, versions: true });
  if (all.length === 0) return undefined;
  const { items: aliases } = functions.aliases.list(OWNER, FunctionName, { ...everything, version: undefined });
  const policies = aliases.map(({ Name }) => {
    try {
      return functions.policies.get(OWNER, FunctionName, Name);
    } catch (error) {
      assert.equal((error as ApiError).code, 'ResourceNotFoundException');
      return undefined;
    }
  });
  const specs = [...all.map(({ Version }) => Version), ...aliases.map(({ Name }) => Name)].map((qualifier) =>
    functions.resolve(OWNER, FunctionName, qualifier),
  );
  return { all, aliases, policies, specs: specs.map(({ spec, other, weight }) => ({ spec, other, weight })) };
}

/** What holds at any moment at which nothing changes. */
async function check(functions: Functions, blobs: FilesystemBlobStore): Promise<void> {
  const stored = new Set(await blobs.list());
  const { items: all } = functions.list(OWNER, { ...everything, versions: true });
  let bytes = 0;
  for (const { Version, CodeSha256, CodeSize } of all) {
    const sha256 = Buffer.from(CodeSha256!, 'base64').toString('hex');
    assert.ok(stored.has(sha256), `the code of ${Version} is there`);
    assert.ok(functions.readCode(OWNER.account, sha256), 'and an agent may have it');
    bytes += CodeSize!;
  }
  assert.equal(functions.usage(OWNER).codeBytes, bytes);
  // Resolves all aliases: none points to what is not there.
  view(functions);
}

test('nothing is lost, points nowhere or comes back, and a number is used once', async () => {
  const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 10, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(batches, async (steps) => {
      const directory = await mkdtemp(join(tmpdir(), 'hearth-versions-property-'));
      await using stack = new AsyncDisposableStack();
      stack.defer(() => rm(directory, { recursive: true }));
      const blobs = await FilesystemBlobStore.open(join(directory, 'blobs'));
      let time = 0;
      let due: (() => void)[] = [];
      const open = async (on: AsyncDisposableStack): Promise<Functions> => {
        const metadata = on.use(await SqliteMetadataStore.open(join(directory, 'functions.db')));
        return on.use(
          await Functions.open({
            metadata,
            layers: metadata.layers,
            capacityProviders: metadata.capacityProviders,
            instanceCpus: 2,
            blobs,
            runtimes: { state: () => 'ready', failure: () => undefined, want: () => {} },
            architectures: ['x86_64'],
            concurrency: () => 1000,
            now: () => time,
            schedule: (_milliseconds, callback) => {
              due.push(callback);
              return { [Symbol.dispose]: () => {} };
            },
            onError: (error) => assert.fail(String(error)),
          }),
        );
      };
      let before: object | undefined;
      {
        await using first = new AsyncDisposableStack();
        const functions = await open(first);
        await run(functions, { kind: 'create', code: 0, publish: true });
        /** By the number of a version, its spec's key: of one function at a time. */
        let published = new Map<string, string>();
        functions.on('deleted', () => {
          published = new Map();
        });
        for (const batch of steps) {
          const outcomes = await Promise.allSettled(batch.map((one) => run(functions, one)));
          for (const outcome of outcomes) {
            if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof ApiError, String(outcome.reason));
          }
          for (const { Version, CodeSha256, Timeout } of functions.list(OWNER, { ...everything, versions: true })
            .items) {
            if (Version === '$LATEST') continue;
            const content = `${CodeSha256} ${Timeout}`;
            assert.equal(published.get(Version!) ?? content, content, 'a version never changes');
            published.set(Version!, content);
          }
          // Whatever nobody uses any more goes.
          time += 61_000;
          for (const callback of due.splice(0)) callback();
          await check(functions, blobs);
        }
        before = view(functions);
      }
      due = [];
      await using second = new AsyncDisposableStack();
      const functions = await open(second);
      assert.deepEqual(view(functions), before, 'a start of the server finds what was answered');
      await check(functions, blobs);
    }),
    { numRuns: 40 },
  );
});
