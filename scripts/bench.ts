/** `npm run bench [-- NAME ...] [--quick] [--hearth PATH]`: runs the benchmarks named, or all. */
import { benchmarks, runBenchmark } from '@hearth/benchmarks';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeSpecification } from './specification.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    hearth: { type: 'string' },
    trace: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function usage(): string {
  return [
    'npm run bench [-- NAME ...] [--quick] [--hearth PATH] [--trace PATH]',
    '',
    ...benchmarks.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`),
    '',
    '  --quick       fewer and shorter rounds, writes no result',
    '  --hearth PATH the hearth command of another checkout, to compare with',
    '  --trace PATH  for keepalive: a folder with a trace, or what stands before _inv.csv in the names of its tables',
  ].join('\n');
}

const unknown = positionals.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name));
if (values.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`No benchmark is called ${unknown.join(', ')}.\n`);
  console.error(usage());
  process.exit(unknown.length > 0 ? 2 : 0);
}

// Ends the servers as well: they go when this process exits.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code));

const hearth =
  values.hearth === undefined
    ? join(import.meta.dirname, '..', 'node_modules', '.bin', 'hearth')
    : resolve(process.env['INIT_CWD'] ?? '.', values.hearth);

const chosen = benchmarks.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
for (const benchmark of chosen) {
  try {
    await runBenchmark(benchmark, {
      quick: values.quick,
      hearth,
      trace: values.trace === undefined ? undefined : resolve(process.env['INIT_CWD'] ?? '.', values.trace),
      progress: (text) => console.error(`${benchmark.name}: ${text}`),
    });
  } catch (error) {
    // The others may still tell something.
    console.error(`${benchmark.name} failed:`, error);
    process.exitCode = 1;
  }
}
if (!values.quick) writeSpecification();
