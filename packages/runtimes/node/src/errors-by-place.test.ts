/**
 * Everything that can be thrown, in every place where it can be: the caller always gets an error document, and the log an
 * entry. Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuntimeId } from '@hearth/protocol';
import { SandboxPeer, type Outcome } from './testing/sandbox-peer.ts';

type Expected = [type: string, message: string | RegExp];

/** By an expression: what the error document says. */
const THROWN: Record<string, Expected> = {
  'new RangeError("far", { cause: new Error("why") })': ['RangeError', 'far'],
  'new AggregateError([new Error("a"), "b"], "both")': ['AggregateError', 'both'],
  'Object.freeze(new TypeError("frozen"))': ['TypeError', 'frozen'],
  'Object.assign(new Error("m"), { name: "Odd name\\n\\u0000" })': ['Odd name\n\0', 'm'],
  'Object.assign(new Error("m"), { self: globalThis, big: 1n })': ['Error', 'm'],
  'Object.defineProperty(new Error("m"), "stack", { get() { throw 1; } })': ['handled', /problem while retrieving/],
  'Object.assign(new Error("m"), { stack: 5 })': ['handled', /problem while retrieving/],
  'Object.create(null)': ['handled', /problem while retrieving/],
  '"text"': ['string', 'text'],
  '10n': ['bigint', '10'],
  'Symbol("s")': ['symbol', 'Symbol(s)'],
  undefined: ['undefined', 'undefined'],
  null: ['object', 'null'],
  '() => 1': ['function', '() => 1'],
};

/** Modules that throw at one place; `T` is what, which a handler may choose by its event. */
const LIVING: Record<string, { handler: string; runtime?: RuntimeId }> = {
  'by a handler': { handler: '(event) => { throw T[event]; }' },
  'by an async handler': { handler: 'async (event) => { await null; throw T[event]; }' },
  'by a rejected promise': { handler: '(event) => Promise.reject(T[event])' },
  'to a callback': { handler: '(event, context, callback) => callback(T[event] ?? "handled")', runtime: 'nodejs22.x' },
};
const DYING: Record<string, string> = {
  'while a module is loaded': 'throw T; export const handler = 1;',
  'after a top-level await': 'await new Promise((r) => setTimeout(r, 1)); throw T; export const handler = 1;',
  'by a timer': `export const handler = () =>
    new Promise((resolve) => { setTimeout(() => { throw T; }); setTimeout(resolve, 100_000); });`,
};

for (const [place, { handler, runtime }] of Object.entries(LIVING)) {
  test(`what is thrown ${place} fails the invocation, and the sandbox lives on`, async () => {
    const list = Object.keys(THROWN).map((thrown) => `(${thrown})`);
    await using peer = await SandboxPeer.ready({
      files: { 'index.mjs': `const T = [${list.join(', ')}]; export const handler = ${handler};` },
      ...(runtime && { runtime }),
    });
    for (const [index, [thrown, expected]] of Object.entries(THROWN).entries()) {
      const outcome = await peer.invoke(index);
      const handled = runtime === 'nodejs22.x' && /^(undefined|null)$/.test(thrown);
      check(thrown, outcome, handled ? ['string', 'handled'] : expected);
    }
  });
}

for (const [place, module] of Object.entries(DYING)) {
  test(`what is thrown ${place} is reported, and the sandbox ends`, async () => {
    for (const thrown of ['new RangeError("far", { cause: new Error("why") })', 'Object.create(null)', 'undefined']) {
      await using peer = await SandboxPeer.start({
        files: { 'index.mjs': module.replaceAll(/\bT\b/g, () => `(${thrown})`) },
      });
      const begun = await peer.init();
      check(thrown, begun?.error === undefined ? await peer.invoke() : begun, THROWN[thrown]!);
      assert.ok((await peer.exited).code! > 0);
    }
  });
}

function check(thrown: string, outcome: Outcome | undefined, [type, message]: Expected): void {
  const { error, log } = outcome ?? {};
  assert.ok(error, `${thrown}: ${JSON.stringify(outcome)}`);
  assert.equal(error.errorType, type, thrown);
  if (typeof message === 'string') assert.equal(error.errorMessage, message, thrown);
  else assert.match(error.errorMessage, message, thrown);
  assert.ok(Array.isArray(error.trace));
  assert.match(log!, /\tERROR\t(Init Error|Invoke Error|Uncaught Exception) \t\{"errorType":/, thrown);
}

for (const [how, code, expected] of [
  ['throw new RangeError("late");', 129, /\tERROR\tUncaught Exception \t.*"late"/],
  ['Promise.reject(new Error("late"));', 128, /\tERROR\tUnhandled Promise Rejection \t/],
] as const) {
  test(`what comes after the answer is in the log and in nobody's answer: ${how}`, async () => {
    await using peer = await SandboxPeer.ready({
      files: {
        'index.mjs': `export const handler = async () => { setTimeout(() => { ${how} }, 20); return 'fine'; };`,
      },
    });
    assert.equal(await peer.json(), 'fine');
    assert.equal((await peer.exited).code, code);
    assert.match(peer.pendingLog, expected);
  });
}

test('a response is what JSON makes of it; where it makes nothing of it, that is an error', async () => {
  const responses: [string, string | undefined][] = [
    ['undefined', 'null'],
    ['() => 1', 'null'],
    ['Symbol("s")', 'null'],
    [
      '({ a: undefined, b: () => 1, c: Symbol("s"), d: NaN, e: new Date(0) })',
      '{"d":null,"e":"1970-01-01T00:00:00.000Z"}',
    ],
    ['({ toJSON() { return { own: true }; } })', '{"own":true}'],
    ['1n', undefined],
    ['({ deep: [{ n: 1n }] })', undefined],
    ['(() => { const a = []; a.push(a); return a; })()', undefined],
    ['({ toJSON() { throw new Error("no"); } })', undefined],
  ];
  await using peer = await SandboxPeer.ready({
    files: {
      'index.mjs': `const R = [${responses.map(([value]) => value).join(', ')}]; export const handler = async (e) => R[e];`,
    },
  });
  for (const [index, [value, text]] of responses.entries()) {
    const outcome = await peer.invoke(index);
    assert.equal(outcome?.body?.toString(), text, value);
    if (text !== undefined) continue;
    assert.equal(outcome?.error?.errorType, 'Runtime.JSONStringifyError', value);
    assert.equal(outcome.error.errorMessage, 'Unable to stringify response body');
  }
});
