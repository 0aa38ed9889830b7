import type { InstanceState, SandboxState, StartPath } from '@hearth/protocol';
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { DurationHistogram } from './histogram.ts';
import { histogramText } from './histogram-text.ts';
import type { InvocationRecord } from '../../invoke/invocation.ts';

export type Outcome = Exclude<InvocationRecord['status'], 'running' | 'deferred'>;

/** `none` is of those that never had a sandbox. */
type Path = StartPath | 'none';

const PATHS: readonly Path[] = ['warm', 'spare', 'fork', 'exec', 'none'];
const OUTCOMES: readonly Outcome[] = ['succeeded', 'failed', 'timed-out', 'lost', 'throttled', 'cancelled'];

/** What is asked of the others when someone scrapes. Each function is called once for a scrape. */
export interface MetricSources {
  /** How many sandboxes there are in each state. */
  sandboxes?: () => Partial<Record<SandboxState, number>>;
  /** How many instances there are, by pool (`warming` with its sub-pool, `active`) and state. */
  instances?: () => { pool: string; state: InstanceState; count: number }[];
  /** Invocations that wait for a cheaper time. */
  deferred?: () => number;
  /** Bytes of functions' logs that were dropped. */
  droppedLogBytes?: () => number;
  /** Asynchronous events accepted and not finished. */
  pendingEvents?: () => number;
  /** Requests to the API that ended in an error, by its code. */
  requestErrors?: () => ReadonlyMap<string, number>;
}

/**
 * The server's numbers for Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/). On the warm path
 * they are plain numbers; prom-client sees them only when someone scrapes.
 */
export class Metrics {
  readonly contentType: string;
  readonly #registry = new Registry();
  /** By outcome, then path. */
  readonly #invocations = new Float64Array(OUTCOMES.length * PATHS.length);
  readonly #durations: readonly DurationHistogram[] = PATHS.map(() => new DurationHistogram());

  constructor(sources: MetricSources = {}) {
    this.contentType = this.#registry.contentType;
    this.#declareInvocations();
    this.#declareFleet(sources);
    collectDefaultMetrics({ register: this.#registry, prefix: 'hearth_' });
  }

  /**
   * Counts one invocation that ended.
   *
   * @param milliseconds from the request's arrival to its answer.
   */
  countInvocation(outcome: Outcome, path: Path, milliseconds: number): void {
    const index = PATHS.indexOf(path);
    const cell = OUTCOMES.indexOf(outcome) * PATHS.length + index;
    this.#invocations[cell] = (this.#invocations[cell] ?? 0) + 1;
    this.#durations[index]?.observe(milliseconds / 1000);
  }

  /** The page that Prometheus reads. */
  async text(): Promise<string> {
    const durations = histogramText(
      'hearth_invocation_duration_seconds',
      'From the arrival of an invocation to its answer, by how it got its sandbox.',
      this.#durations.map((histogram, path) => ({ label: 'start_path', value: PATHS[path] ?? '', histogram })),
    );
    return `${await this.#registry.metrics()}\n${durations}`;
  }

  #declareInvocations(): void {
    const registers: Registry[] = [];
    const read = (outcome: number, path: number) => this.#invocations[outcome * PATHS.length + path] ?? 0;
    this.#registry.registerMetric(
      new Counter({
        name: 'hearth_invocations_total',
        help: 'Invocations that ended, by outcome and by how they got their sandbox.',
        labelNames: ['outcome', 'start_path'],
        registers,
        collect() {
          this.reset();
          for (const [o, outcome] of OUTCOMES.entries()) {
            for (const [p, path] of PATHS.entries()) this.inc({ outcome, start_path: path }, read(o, p));
          }
        },
      }),
    );
    this.#registry.registerMetric(
      new Counter({
        name: 'hearth_invocation_errors_total',
        help: 'Invocations that did not succeed, by outcome.',
        labelNames: ['outcome'],
        registers,
        collect() {
          this.reset();
          for (const [o, outcome] of OUTCOMES.entries()) {
            if (outcome === 'succeeded') continue;
            this.inc({ outcome }, sum(PATHS.map((_, p) => read(o, p))));
          }
        },
      }),
    );
    this.#registry.registerMetric(
      new Counter({
        name: 'hearth_cold_starts_total',
        help: 'Invocations that needed a new sandbox, by how it was made.',
        labelNames: ['start_path'],
        registers,
        collect() {
          this.reset();
          for (const [p, path] of PATHS.entries()) {
            if (path === 'warm' || path === 'none') continue;
            this.inc({ start_path: path }, sum(OUTCOMES.map((_, o) => read(o, p))));
          }
        },
      }),
    );
  }

  #declareFleet(sources: MetricSources): void {
    const registers: Registry[] = [];
    this.#registry.registerMetric(
      new Gauge({
        name: 'hearth_sandboxes',
        help: 'Sandboxes by state.',
        labelNames: ['state'],
        registers,
        collect() {
          this.reset();
          for (const [state, count] of Object.entries(sources.sandboxes?.() ?? {})) this.set({ state }, count);
        },
      }),
    );
    this.#registry.registerMetric(
      new Gauge({
        name: 'hearth_instances',
        help: 'Instances by pool and state.',
        labelNames: ['pool', 'state'],
        registers,
        collect() {
          this.reset();
          for (const { pool, state, count } of sources.instances?.() ?? []) this.inc({ pool, state }, count);
        },
      }),
    );
    this.#registry.registerMetric(
      new Gauge({
        name: 'hearth_deferred_invocations',
        help: 'Deferrable invocations that wait for a time with less demand.',
        registers,
        collect() {
          this.set(sources.deferred?.() ?? 0);
        },
      }),
    );
    this.#registry.registerMetric(
      new Gauge({
        name: 'hearth_events_pending',
        help: 'Asynchronous events accepted and not finished.',
        registers,
        collect() {
          this.set(sources.pendingEvents?.() ?? 0);
        },
      }),
    );
    this.#registry.registerMetric(
      new Counter({
        name: 'hearth_logs_dropped_bytes_total',
        help: "Bytes of functions' logs dropped because memory or disk had no room.",
        registers,
        collect() {
          this.reset();
          this.inc(sources.droppedLogBytes?.() ?? 0);
        },
      }),
    );
    this.#registry.registerMetric(
      new Counter({
        name: 'hearth_request_errors_total',
        help: 'Requests to the API answered with an error, by its code.',
        labelNames: ['code'],
        registers,
        collect() {
          this.reset();
          for (const [code, count] of sources.requestErrors?.() ?? []) this.inc({ code }, count);
        },
      }),
    );
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
