import { readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** The machine that a result was measured on. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryMb: number;
  kernel: string;
  arch: string;
  node: string;
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    arch: arch(),
    node: process.version,
  };
}

/** `/proc/meminfo` in kB by name, see proc_meminfo(5). */
export function readMeminfo(): Record<string, number> {
  const fields = readFileSync('/proc/meminfo', 'utf8').matchAll(/^(\S+):\s+(\d+) kB$/gm);
  return Object.fromEntries(Array.from(fields, ([, name, value]) => [name, Number(value)]));
}

/** Share of the machine's processors (0 to 1) that others use, measured for a second in which the benchmark does nothing. */
export async function foreignLoad(): Promise<number> {
  const before = processorTimes();
  await delay(1000);
  const after = processorTimes();
  return 1 - (after.idle - before.idle) / (after.all - before.all);
}

function processorTimes(): { idle: number; all: number } {
  const times = cpus().map((processor) => processor.times);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return { idle: sum(times.map(({ idle }) => idle)), all: sum(times.flatMap((each) => Object.values(each))) };
}
