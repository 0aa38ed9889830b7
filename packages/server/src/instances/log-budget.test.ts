import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogBudget } from './log-budget.ts';
import { ManualClock } from './testing/manual-clock.ts';

test('a flood of lines is cut to a trickle, and what was dropped is told', () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const budget = new LogBudget(clock, (level, message) => void lines.push(`${level}: ${message}`));
  for (let i = 0; i < 1000; i++) budget.write('warn', `line ${i}`);
  assert.equal(lines.length, 50);
  clock.advance(999);
  budget.write('warn', 'too soon');
  assert.equal(lines.length, 50);
  clock.advance(1);
  budget.write('info', 'in time');
  assert.equal(lines.at(-1), 'info: in time (951 lines before this one were dropped)');
  budget.write('info', 'too soon again');
  clock.advance(3_600_000);
  for (let i = 0; i < 1000; i++) budget.write('info', `later ${i}`);
  assert.equal(lines.length, 101);
});

test('a line has an end', () => {
  const lines: string[] = [];
  new LogBudget(new ManualClock(), (_, message) => void lines.push(message)).write('error', 'x'.repeat(200_000));
  assert.equal(lines[0]?.length, 2_000);
});
