import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Demand } from '../../capacity/demand.ts';
import { ManualClock } from '../../instances/testing/manual-clock.ts';
import { DemandFile } from './demand-file.ts';

const DAY_MS = 24 * 60 * 60_000;

/** Demand that keeps its history in a directory, at a load that the test sets. */
class Subject implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'hearth-demand-'));
  readonly path = join(this.directory, 'demand.json');
  readonly clock = new ManualClock();
  readonly warnings: string[] = [];
  load = 0;

  demand(): Demand {
    return new Demand({
      clock: this.clock,
      load: () => this.load,
      drawsPerMinute: () => 0,
      history: new DemandFile(this.path),
      onLog: (_level, message) => void this.warnings.push(message),
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}

test('what a server has learnt of its demand, the next one knows', async () => {
  using subject = new Subject();
  const first = subject.demand();
  await first.restore();
  subject.load = 5;
  for (let second = 0; second < 3_600; second++) {
    subject.clock.advance(1_000);
    first.tick();
  }
  await first.save();
  const next = subject.demand();
  await next.restore();
  subject.load = 0;
  for (let second = 0; second < 60; second++) {
    subject.clock.advance(1_000);
    next.tick();
  }
  const tomorrow = subject.clock.wallTime() + DAY_MS - 20 * 60_000;
  assert.equal(Math.round(next.forecast.expected(tomorrow)), 5);
  assert.deepEqual(subject.warnings, []);
  assert.deepEqual(readdirSync(subject.directory), ['demand.json']);
});

test('a history that is broken, or cannot be written, is a warning and no more', async () => {
  using subject = new Subject();
  for (const text of ['{', '{}', 'null']) {
    writeFileSync(subject.path, text);
    await subject.demand().restore();
  }
  assert.equal(subject.warnings.length, 3);
  const lost = new Subject();
  lost[Symbol.dispose]();
  await lost.demand().save();
  assert.match(lost.warnings[0]!, /can't be written: ENOENT/);
});
