import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveScreen } from './live-screen.ts';

test('a page is drawn over the one before, without blanking it, and the last one stays', () => {
  const written: string[] = [];
  const terminal = { rows: 10, write: (text: string) => written.push(text) };
  const screen = new LiveScreen(terminal);
  screen.show('one\ntwo\n');
  screen.show('three\n');
  screen[Symbol.dispose]();
  assert.deepEqual(written, [
    '\u001B[?1049h\u001B[?25l\u001B[?7l',
    '\u001B[Hone\u001B[K\r\ntwo\u001B[K\u001B[J',
    '\u001B[Hthree\u001B[K\u001B[J',
    '\u001B[?7h\u001B[?25h\u001B[?1049lthree\n',
  ]);
});

test('what does not fit on the terminal is counted', () => {
  let last = '';
  const screen = new LiveScreen({ rows: 3, write: (text: string) => (last = text) });
  screen.show('1\n2\n3\n4\n5\n');
  assert.equal(last, '\u001B[H1\u001B[K\r\n2\u001B[K\r\n... and 3 lines more\u001B[K\u001B[J');
  screen.show('1\n2\n3\n');
  assert.equal(last, '\u001B[H1\u001B[K\r\n2\u001B[K\r\n3\u001B[K\u001B[J');
});
