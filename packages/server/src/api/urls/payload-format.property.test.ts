/** Requests of any kind become the event that a plain reading of them gives, and responses of any kind an answer or none. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeEvent } from './event.ts';
import type { EventContext } from './event.ts';
import { readOutcome } from './response.ts';
import type { UrlTarget } from './targets.ts';

const ID = 'a'.repeat(32);
const target = {
  url: { id: ID, function: { account: '111111111111', region: 'us-east-1', name: 'f' } },
  prefix: '',
  domainName: 'host.example',
  port: '8080',
} as unknown as UrlTarget;
const context: EventContext = {
  target,
  requestId: 'id',
  traceId: 'Root=1-2-3',
  caller: undefined,
  now: 1_700_000_000_000,
};

/** Text as node:http gives it: each character is one byte. */
const bytes = (min: number) =>
  fc.string({ unit: fc.integer({ min, max: 255 }).map((code) => String.fromCharCode(code)) });
const name = fc.string({
  unit: fc.constantFrom(...Array.from('abcxyz019-_~!#$%&*+.^|`')),
  minLength: 1,
  maxLength: 20,
});
const headers = fc.dictionary(name, bytes(0x20), { maxKeys: 8 });
const path = bytes(0x21).map((text) => `/${text.replaceAll('?', '')}`);
const type = fc.constantFrom('text/plain', 'application/json', 'application/octet-stream', undefined);
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 300 }).map((text) => Buffer.from(text)),
  // Long enough to be encoded in slices, with characters of several bytes anywhere.
  fc
    .tuple(fc.nat({ max: 9 }), fc.constantFrom('☃', 'é', '😀', '"', '\0'))
    .map(([shift, unit]) => Buffer.from('x'.repeat(shift) + unit.repeat(70_000))),
);

function event(request: object, content: Uint8Array): Promise<any> {
  return new Promise((resolve, reject) => {
    makeEvent(request as IncomingMessage, Buffer.from(content), context, (error, made) => {
      if (error === undefined) resolve(JSON.parse(made.toString()));
      else reject(error);
    });
  });
}

test('an event says what the request says', () =>
  fc.assert(
    fc.asyncProperty(path, fc.option(bytes(0x21)), headers, type, body, async (way, query, some, kind, content) => {
      const sent = { ...some, ...(kind === undefined ? {} : { 'content-type': kind }) };
      const made = await event(
        {
          method: 'POST',
          url: query === null ? way : `${way}?${query}`,
          httpVersion: '1.1',
          headers: sent,
          rawHeaders: Object.entries(sent).flat(),
          socket: { remoteAddress: '::ffff:192.0.2.1' },
        },
        content,
      );
      assert.equal(made.rawPath, way);
      assert.equal(made.requestContext.http.path, way);
      assert.equal(made.rawQueryString, query ?? '');
      for (const [key, value] of Object.entries(made.queryStringParameters ?? {})) {
        assert.equal(value, new URLSearchParams(query!).getAll(key).join(','));
      }
      const {
        'x-amzn-trace-id': _,
        'x-forwarded-for': from,
        'x-forwarded-port': _port,
        'x-forwarded-proto': _proto,
        ...rest
      } = made.headers;
      assert.equal(from, '192.0.2.1');
      // None of the names that are left out can be made of these characters and be found by chance, but for "te".
      const { te: _te, ...expected } = sent as Record<string, string>;
      assert.deepEqual(rest, expected);
      const received = Buffer.from(made.body ?? '', made.isBase64Encoded ? 'base64' : 'utf8');
      assert.ok(received.equals(content));
    }),
    { numRuns: 150 },
  ));

const json = fc.jsonValue({ maxDepth: 3 });
const response = fc.record(
  {
    statusCode: fc.oneof(fc.integer({ min: 100, max: 700 }), json),
    headers: fc.oneof(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean())), json),
    cookies: fc.oneof(fc.array(fc.string()), json),
    body: fc.oneof(fc.string(), json),
    isBase64Encoded: fc.oneof(fc.boolean(), json),
  },
  { requiredKeys: [] },
);

test('a response is an answer with a final status and text in its headers, or none; nothing throws', () =>
  fc.assert(
    fc.property(
      fc.oneof(response, json).map((value) => Buffer.from(JSON.stringify(value))),
      (payload) => {
        const answer = readOutcome({ payload, startPath: 'warm' });
        if (answer === undefined) return;
        assert.ok(Number.isInteger(answer.status) && answer.status >= 200 && answer.status <= 599);
        assert.equal(answer.headers.length % 2, 0);
        for (const text of answer.headers) assert.equal(typeof text, 'string');
        assert.ok(typeof answer.body === 'string' || Buffer.isBuffer(answer.body));
      },
    ),
    { numRuns: 500 },
  ));
