import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from './log.ts';

function capture(isTTY: boolean): { isTTY: boolean; text: string; write(text: string): void } {
  return {
    isTTY,
    text: '',
    write(text) {
      this.text += text;
    },
  };
}

test('machines get one JSON object a line', () => {
  const output = capture(false);
  createLog('info', output).warn({ instance: 'i-1', hint: 'try again' }, 'lost');
  const entry = JSON.parse(output.text) as Record<string, unknown>;
  assert.equal(entry.msg, 'lost');
  assert.equal(entry.level, 40);
  assert.equal(entry.instance, 'i-1');
  assert.ok(output.text.endsWith('}\n'));
});

test('people get a line, the cure and the stack', () => {
  const output = capture(true);
  const log = createLog('info', output);
  log.info({ port: 4566 }, 'ready');
  assert.match(output.text, /^\d\d:\d\d:\d\d\.\d{3} info ready port=4566\n$/);
  log.error({ err: new Error('boom'), hint: 'run hearth doctor' }, 'cannot start');
  assert.match(output.text, /cannot start\n {4}Hint: run hearth doctor\n {4}Error: boom\n {8}at /);
});

test('levels below the chosen one are left out, and a wrong level is refused with the right ones', () => {
  const output = capture(false);
  createLog('error', output).warn('quiet');
  assert.equal(output.text, '');
  assert.throws(() => createLog('loud', output), /Hint: use one of trace, debug, info/);
});
