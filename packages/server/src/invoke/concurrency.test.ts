/** Source of the rules: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Concurrency } from './concurrency.ts';
import type { VersionUse } from './concurrency.ts';

const RESERVED = 'ReservedFunctionConcurrentInvocationLimitExceeded';
const ACCOUNT = 'ConcurrentInvocationLimitExceeded';

const specOf = (name: string, region = 'us-east-1', account = '111111111111', version = '$LATEST') => ({
  key: `${name}/${version}`,
  account,
  region,
  functionArn: `arn:aws:lambda:${region}:${account}:function:${name}`,
});

/** Enters until it is refused. @returns how many entered, and why no more. */
function fill(concurrency: Concurrency, use: VersionUse): [number, string] {
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

const version = (name: string, number: string) => specOf(name, undefined, undefined, number);

test('what is provisioned of a version is its own, and beyond it the version runs on what is left', () => {
  const concurrency = new Concurrency(() => 10);
  concurrency.provision(version('one', '1'), 3);
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('two'))), [7, ACCOUNT]);
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('one'))), [0, ACCOUNT]);
  assert.deepEqual(fill(concurrency, concurrency.of(version('one', '1'))), [3, ACCOUNT]);
  concurrency.provision(version('one', '1'), 0);
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('two'))), [0, ACCOUNT]);
});

test('of a reservation that is provisioned as a whole nothing is left for other versions', () => {
  const concurrency = new Concurrency(() => 10);
  concurrency.reserve(specOf('one'), 4);
  concurrency.provision(version('one', '1'), 3);
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('one'))), [1, RESERVED]);
  concurrency.provision(version('one', '2'), 1);
  // What runs elsewhere already counts until it ends: there are never more than are reserved.
  assert.deepEqual(fill(concurrency, concurrency.of(version('one', '1'))), [3, RESERVED]);
  assert.deepEqual(fill(concurrency, concurrency.of(version('one', '2'))), [0, RESERVED]);
  concurrency.leave(concurrency.of(specOf('one')));
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('one'))), [0, RESERVED]);
  assert.deepEqual(fill(concurrency, concurrency.of(version('one', '2'))), [1, RESERVED]);
  assert.deepEqual(fill(concurrency, concurrency.of(specOf('two'))), [6, ACCOUNT]);
});

interface Inside {
  readonly use: VersionUse;
  readonly name: string;
  /** Which provisioning it entered under; undefined where there was none. */
  readonly slot: { count: number } | undefined;
}

// What the rules say, written down once more without regard to speed.
class Book {
  readonly limit: number;
  inside: Inside[] = [];
  readonly reserved = new Map<string, number>();
  /** By function and version. */
  readonly provisioned = new Map<string, { count: number }>();

  constructor(limit: number) {
    this.limit = limit;
  }

  provisionedOf(name: string): number {
    return [...this.provisioned].reduce((sum, [of, { count }]) => (of.startsWith(`${name}/`) ? sum + count : sum), 0);
  }

  #running(slot: { count: number }): number {
    return this.inside.filter((one) => one.slot === slot).length;
  }

  #onDemand(name: string): number {
    const own = this.inside.filter((one) => one.name === name);
    const slots = new Set(own.flatMap(({ slot }) => (slot === undefined ? [] : [slot])));
    const beyond = [...slots].map((slot) => Math.max(0, this.#running(slot) - slot.count));
    return own.filter(({ slot }) => slot === undefined).length + beyond.reduce((sum, count) => sum + count, 0);
  }

  expected(name: string, number: string): string | undefined {
    const slot = this.provisioned.get(`${name}/${number}`);
    const reserved = this.reserved.get(name);
    const own = this.inside.filter((one) => one.name === name).length;
    if (reserved !== undefined && own >= reserved) return RESERVED;
    if (slot === undefined || this.#running(slot) >= slot.count) {
      const names = ['a', 'b', 'c'];
      const claimed = names.reduce((sum, of) => sum + (this.reserved.get(of) ?? this.provisionedOf(of)), 0);
      const unreserved = names.reduce((sum, of) => sum + (this.reserved.has(of) ? 0 : this.#onDemand(of)), 0);
      if (reserved !== undefined && this.#onDemand(name) >= reserved - this.provisionedOf(name)) return RESERVED;
      if (reserved === undefined && unreserved >= this.limit - claimed) return ACCOUNT;
    }
    return this.inside.length >= this.limit ? ACCOUNT : undefined;
  }
}

test('whatever happens: never more than the limits, and never fewer when they are asked for', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const number = fc.constantFrom('1', '2');
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('enter' as const), name, number }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reserve' as const), name, count: fc.nat(4) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('provision' as const), name, number, count: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), name }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), name }) },
  );
  const property = fc.property(fc.integer({ min: 0, max: 12 }), fc.array(step, { maxLength: 200 }), (limit, steps) => {
    const concurrency = new Concurrency(() => limit);
    const book = new Book(limit);
    const provision = (of: string, count: number): void => {
      const slot = book.provisioned.get(of);
      if (slot !== undefined) slot.count = count;
      else if (count > 0) book.provisioned.set(of, { count });
      if (count === 0) book.provisioned.delete(of);
    };
    for (const action of steps) {
      if (action.kind === 'enter') {
        const use = concurrency.of(version(action.name, action.number));
        const expected = book.expected(action.name, action.number);
        assert.equal(concurrency.enter(use), expected);
        if (expected !== undefined) continue;
        const slot = book.provisioned.get(`${action.name}/${action.number}`);
        book.inside.push({ use, name: action.name, slot });
      } else if (action.kind === 'leave' && book.inside.length > 0) {
        const [{ use }] = book.inside.splice(action.which % book.inside.length, 1) as [Inside];
        concurrency.leave(use);
      } else if (action.kind === 'reserve') {
        concurrency.reserve(specOf(action.name), action.count);
        book.reserved.set(action.name, action.count);
      } else if (action.kind === 'provision') {
        concurrency.provision(version(action.name, action.number), action.count);
        provision(`${action.name}/${action.number}`, action.count);
      } else if (action.kind === 'release') {
        concurrency.reserve(specOf(action.name), undefined);
        book.reserved.delete(action.name);
      } else if (action.kind === 'delete') {
        concurrency.forget(specOf(action.name));
        book.reserved.delete(action.name);
        for (const each of ['1', '2']) provision(`${action.name}/${each}`, 0);
      }
      assert.ok(book.inside.length <= limit);
    }
    for (const { use } of book.inside) concurrency.leave(use);
    for (const each of ['a', 'b', 'c']) concurrency.forget(specOf(each));
    assert.deepEqual(fill(concurrency, concurrency.of(specOf('d'))), [limit, ACCOUNT]);
  });
  fc.assert(property, { numRuns: 500 });
});

test('the limit of one account may differ from that of others, and change while invocations run', () => {
  const limits = new Map([['111111111111', 2]]);
  const concurrency = new Concurrency((account) => limits.get(account) ?? 3);
  const spec = (account: string) => ({ key: account, account, region: 'us-east-1', functionArn: `arn of ${account}` });
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
