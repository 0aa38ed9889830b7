/** Source of the rules: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Concurrency } from './concurrency.ts';
import type { FunctionIdentity, FunctionUse } from './concurrency.ts';

const RESERVED = 'ReservedFunctionConcurrentInvocationLimitExceeded';
const ACCOUNT = 'ConcurrentInvocationLimitExceeded';

const specOf = (name: string, region = 'us-east-1', account = '111111111111'): FunctionIdentity => ({
  account,
  region,
  functionArn: `arn:aws:lambda:${region}:${account}:function:${name}`,
});

/** Enters until it is refused. @returns how many entered, and why no more. */
function fill(concurrency: Concurrency, use: FunctionUse): [number, string] {
  for (let entered = 0; ; entered++) {
    const reached = concurrency.enter(use);
    if (reached !== undefined) return [entered, reached];
  }
}

test('a reservation limits its function, and the others can’t have it', () => {
  const concurrency = new Concurrency(() => 10);
  concurrency.reserve(specOf('one'), 3);
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('two'))), [7, ACCOUNT]);
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('one'))), [3, RESERVED]);
  // Limits are per account and region.
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('one', 'eu-west-1'))), [10, ACCOUNT]);
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('one', 'us-east-1', '222222222222'))), [10, ACCOUNT]);
});

test('none reserved lets nothing run', () => {
  const concurrency = new Concurrency(() => 10);
  concurrency.reserve(specOf('one'), 0);
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('one'))), [0, RESERVED]);
  concurrency.reserve(specOf('one'), undefined);
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('one'))), [10, ACCOUNT]);
});

test('a function that is deleted leaves nothing, and what runs of it counts for its account until it ends', () => {
  const concurrency = new Concurrency(() => 10);
  const old = concurrency.of(specOf('one'));
  concurrency.reserve(specOf('one'), 4);
  concurrency.enter(old);
  concurrency.forget(specOf('one'));
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('two'))), [9, ACCOUNT]);
  concurrency.leave(old);
  assert.notEqual(concurrency.of(specOf('one')), old);
});

// What the rules say, written down once more without regard to speed.
class Book {
  readonly limit: number;
  readonly running = new Map<string, number>();
  readonly reserved = new Map<string, number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  #sum(counts: Iterable<number>): number {
    return [...counts].reduce((sum, count) => sum + count, 0);
  }

  expected(name: string): string | undefined {
    const own = this.running.get(name) ?? 0;
    const reserved = this.reserved.get(name);
    const all = this.#sum(this.running.values());
    const unreserved = this.#sum([...this.running].filter(([of]) => !this.reserved.has(of)).map(([, count]) => count));
    if (reserved !== undefined && own >= reserved) return RESERVED;
    if (reserved === undefined && unreserved >= this.limit - this.#sum(this.reserved.values())) return ACCOUNT;
    return all >= this.limit ? ACCOUNT : undefined;
  }
}

test('whatever happens: never more than the limits, and never fewer when they are asked for', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('enter' as const), name }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reserve' as const), name, count: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), name }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), name }) },
  );
  const property = fc.property(fc.integer({ min: 0, max: 12 }), fc.array(step, { maxLength: 200 }), (limit, steps) => {
    const concurrency = new Concurrency(() => limit);
    const book = new Book(limit);
    const inside: { use: FunctionUse; name: string }[] = [];
    for (const action of steps) {
      if (action.kind === 'enter') {
        const use = concurrency.of(specOf(action.name));
        const expected = book.expected(action.name);
        assert.equal(concurrency.enter(use), expected);
        if (expected !== undefined) continue;
        inside.push({ use, name: action.name });
        book.running.set(action.name, (book.running.get(action.name) ?? 0) + 1);
      } else if (action.kind === 'leave' && inside.length > 0) {
        const [{ use, name: left }] = inside.splice(action.which % inside.length, 1) as [(typeof inside)[0]];
        concurrency.leave(use);
        book.running.set(left, book.running.get(left)! - 1);
      } else if (action.kind === 'reserve') {
        concurrency.reserve(specOf(action.name), action.count);
        book.reserved.set(action.name, action.count);
      } else if (action.kind === 'release') {
        concurrency.reserve(specOf(action.name), undefined);
        book.reserved.delete(action.name);
      } else if (action.kind === 'delete') {
        concurrency.forget(specOf(action.name));
        book.reserved.delete(action.name);
      }
      assert.ok(inside.length <= limit);
    }
    for (const { use } of inside) concurrency.leave(use);
    for (const each of ['a', 'b', 'c']) concurrency.forget(specOf(each));
    assert.deepEqual(fill(concurrency, concurrency.of(specOf('d'))), [limit, ACCOUNT]);
  });
  fc.assert(property, { numRuns: 500 });
});

test('the limit of one account may differ from that of others, and change while invocations run', () => {
  const limits = new Map([['111111111111', 2]]);
  const concurrency = new Concurrency((account) => limits.get(account) ?? 3);
  const spec = (account: string) => ({ account, region: 'us-east-1', functionArn: `arn of ${account}` });
  const [small, other] = [concurrency.of(spec('111111111111')), concurrency.of(spec('222222222222'))];
  const admitted = (use: typeof small) => {
    let count = 0;
    while (concurrency.enter(use) === undefined) count++;
    return count;
  };
  assert.deepEqual([admitted(small), admitted(other)], [2, 3]);
  limits.set('111111111111', 4);
  assert.equal(admitted(small), 2);
  limits.set('111111111111', 1);
  concurrency.leave(small);
  assert.equal(concurrency.enter(small), 'ConcurrentInvocationLimitExceeded');
});
