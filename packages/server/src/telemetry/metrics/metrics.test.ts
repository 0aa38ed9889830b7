import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from './metrics.ts';

async function lines(metrics: Metrics): Promise<string[]> {
  return (await metrics.text()).split('\n');
}

test('invocations are counted by outcome and start path', async () => {
  const metrics = new Metrics();
  metrics.countInvocation('succeeded', 'warm', 0.2);
  metrics.countInvocation('succeeded', 'warm', 0.2);
  metrics.countInvocation('failed', 'fork', 7);
  metrics.countInvocation('timed-out', 'fork', 3000);
  const page = await lines(metrics);
  for (const line of [
    'hearth_invocations_total{outcome="succeeded",start_path="warm"} 2',
    'hearth_invocations_total{outcome="failed",start_path="fork"} 1',
    'hearth_invocations_total{outcome="lost",start_path="exec"} 0',
    'hearth_invocation_errors_total{outcome="failed"} 1',
    'hearth_cold_starts_total{start_path="fork"} 2',
    'hearth_cold_starts_total{start_path="spare"} 0',
    'hearth_events_pending 0',
  ]) {
    assert.ok(page.includes(line), `${line} is missing`);
  }
});

test('scraping twice does not count twice', async () => {
  const metrics = new Metrics({ droppedLogBytes: () => 7 });
  metrics.countInvocation('succeeded', 'spare', 1);
  await metrics.text();
  const page = await lines(metrics);
  assert.ok(page.includes('hearth_invocations_total{outcome="succeeded",start_path="spare"} 1'));
  assert.ok(page.includes('hearth_logs_dropped_bytes_total 7'));
});

test('durations stand in cumulative buckets, in seconds, a bound belonging to its own bucket', async () => {
  const metrics = new Metrics();
  metrics.countInvocation('succeeded', 'warm', 0.1);
  metrics.countInvocation('succeeded', 'warm', 0.11);
  metrics.countInvocation('succeeded', 'warm', 3_600_000);
  const page = await lines(metrics);
  const bucket = (le: string) =>
    page.find((line) => line.startsWith(`hearth_invocation_duration_seconds_bucket{start_path="warm",le="${le}"}`));
  assert.match(bucket('0.0001') ?? '', / 1$/);
  assert.match(bucket('0.00025') ?? '', / 2$/);
  assert.match(bucket('900') ?? '', / 2$/);
  assert.match(bucket('+Inf') ?? '', / 3$/);
  assert.ok(page.includes('hearth_invocation_duration_seconds_count{start_path="warm"} 3'));
  assert.ok(
    page.some((line) => line.startsWith('hearth_invocation_duration_seconds_sum{start_path="warm"} 3600.00021')),
  );
});

test('the fleet is asked at every scrape, and what is gone is not shown', async () => {
  let sandboxes: Record<string, number> = { idle: 3, executing: 1 };
  const metrics = new Metrics({
    sandboxes: () => sandboxes,
    instances: () => [
      { pool: 'active', state: 'active', count: 2 },
      { pool: 'general', state: 'warm', count: 1 },
    ],
    requestErrors: () => new Map([['ResourceNotFoundException', 4]]),
  });
  const first = await lines(metrics);
  assert.ok(first.includes('hearth_sandboxes{state="executing"} 1'));
  assert.ok(first.includes('hearth_instances{pool="general",state="warm"} 1'));
  assert.ok(first.includes('hearth_request_errors_total{code="ResourceNotFoundException"} 4'));
  sandboxes = { idle: 4 };
  const second = await lines(metrics);
  assert.ok(second.includes('hearth_sandboxes{state="idle"} 4'));
  assert.ok(!second.some((line) => line.startsWith('hearth_sandboxes{state="executing"}')));
});

test('the process is measured, every name is ours, and the page is well formed', async () => {
  const page = (await lines(new Metrics())).filter((line) => line !== '');
  assert.ok(page.some((line) => line.startsWith('hearth_process_resident_memory_bytes ')));
  for (const line of page) assert.match(line, /^(# (HELP|TYPE) hearth_|hearth_[a-z0-9_]+(\{[^}]*\})? \S+$)/);
  const types = page.filter((line) => line.startsWith('# TYPE '));
  assert.equal(new Set(types).size, types.length);
});
