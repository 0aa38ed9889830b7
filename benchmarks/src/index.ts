/** The benchmarks, and the way to run one of them: print its report and keep it as JSON. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { auth } from './auth.ts';
import { burst } from './burst.ts';
import { cold } from './cold.ts';
import { density } from './density.ts';
import { deploy } from './deploy.ts';
import { fidelity } from './fidelity.ts';
import { fuzz } from './fuzz.ts';
import { invoke } from './invoke.ts';
import { keepalive } from './keepalive.ts';
import { kill } from './kill.ts';
import { describeMachine, foreignLoad } from './machine.ts';
import { placement } from './placement.ts';
import { soak } from './soak.ts';
import { formatReport } from './print.ts';
import type { Benchmark, Context, Report } from './report.ts';

export const benchmarks: readonly Benchmark[] = [
  invoke,
  auth,
  cold,
  burst,
  density,
  deploy,
  fidelity,
  fuzz,
  kill,
  placement,
  keepalive,
  soak,
];

/** Share of the machine's processors from which on a reader should mistrust the numbers. */
const BUSY = 0.03;

const results = join(import.meta.dirname, '..', 'results');

/**
 * Runs one benchmark, prints its report on stdout and writes it to `benchmarks/results/NAME.json`; a quick run is a look
 * and writes nothing.
 *
 * @throws Error if the benchmark fails; a missed goal is no failure
 */
export async function runBenchmark(benchmark: Benchmark, context: Context): Promise<Report> {
  const machine = describeMachine();
  const date = new Date().toISOString();
  console.log(`\n== ${benchmark.name}: ${benchmark.summary}`);
  console.log(
    `${machine.cores} x ${machine.cpu}, ${machine.memoryMb} MB, Linux ${machine.kernel}, Node ${machine.node}, ${date}`,
  );
  const busyBefore = await foreignLoad();
  if (busyBefore > BUSY) {
    console.log(`Careful: ${Math.round(busyBefore * 100)} % of the machine was busy before the benchmark began.`);
  }
  const start = performance.now();
  const report = await benchmark.run(context);
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(formatReport(report));
  console.log(`- took ${seconds} s`);
  if (!context.quick) {
    await mkdir(results, { recursive: true });
    const document = { benchmark: benchmark.name, date, machine, busyBefore, seconds, ...report };
    await writeFile(join(results, `${benchmark.name}.json`), `${JSON.stringify(document, undefined, 1)}\n`);
  }
  return report;
}
