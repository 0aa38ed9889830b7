import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ResponseParser } from './response-parser.ts';

const answers = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: y\r\n\r\n',
  'HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1f\r\n0123456789012345678901234567890\r\n0\r\n\r\n',
];

test('answers are told apart wherever the network cuts them', () => {
  const wire = Buffer.from(answers.join(''));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: wire.length - 1 }), { maxLength: 20 }), (cuts) => {
      const statuses: number[] = [];
      const parser = new ResponseParser((status) => statuses.push(status));
      const ends = [0];
      for (const answer of answers) ends.push((ends.at(-1) ?? 0) + answer.length);
      // One request at a time: no read ever holds bytes of two answers.
      const edges = [...new Set([...cuts, ...ends])].toSorted((a, b) => a - b);
      for (let index = 1; index < edges.length; index++) parser.push(wire.subarray(edges[index - 1], edges[index]));
      assert.deepEqual(statuses, [200, 200, 502]);
    }),
  );
});

test('an answer whose end nobody announced is an error, not a wait', () => {
  const parser = new ResponseParser(() => assert.fail('no answer'));
  assert.throws(() => parser.push(Buffer.from('HTTP/1.1 200 OK\r\n\r\n')), /without a length/);
});
