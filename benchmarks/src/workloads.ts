/** The functions of `fidelity`: what they do is in `benchmarks/fidelity/NAME.mjs`, how they measure themselves in `measure.mjs`. */
import { globSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const SOURCES = join(import.meta.dirname, '..', 'fidelity');
const MODULES = join(import.meta.dirname, '..', '..', 'node_modules');

/** Workloads by what SPECIFICATION.md calls them. */
export const KINDS: Readonly<Record<string, readonly string[]>> = {
  garbage: ['garbage-short', 'garbage-kept', 'garbage-burst'],
  'optimised code': ['numeric', 'properties', 'regex', 'json', 'strings'],
  'two threads': ['threads'],
  'crypto and compression': ['crypto', 'zlib'],
  'native code': ['wasm', 'addon'],
  'files, sockets, timers': ['io'],
};

/** Packages that a workload imports. */
const PACKAGES: Readonly<Record<string, string>> = { addon: '@node-rs/crc32*' };

/** The files of a workload's function, by their paths in it. */
export function filesOf(workload: string): Record<string, Buffer> {
  const files: Record<string, Buffer> = {
    'index.mjs': readFileSync(join(SOURCES, `${workload}.mjs`)),
    'measure.mjs': readFileSync(join(SOURCES, 'measure.mjs')),
  };
  const packages = PACKAGES[workload];
  if (packages === undefined) return files;
  // The package and the one with its binary for this machine.
  for (const entry of globSync(`${packages}/**`, { cwd: MODULES, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[join('node_modules', path.slice(MODULES.length + 1))] = readFileSync(path);
  }
  return files;
}

/** Puts the files where an ordinary process finds them. @returns the path of the function's module. */
export async function unpack(files: Readonly<Record<string, Buffer>>, directory: string): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return join(directory, 'index.mjs');
}
