/**
 * The architecture check: holds the imports of the source against those drawn in ARCHITECTURE.md.
 *
 * A place is a package (`agent`) or, inside the server, a room (`server/api`). Tests, and the folders `testing/` and
 * `conformance/` that only tests use, may import any room, but they too enter another package only by its exports.
 */
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** An import that one place makes of another. */
export interface Import {
  /** Path from the root of the repository. */
  file: string;
  /** 1-based. */
  line: number;
  /** As written. */
  specifier: string;
}

/** What each place may import, as drawn: `a -> b, c`. */
export type Drawing = ReadonlyMap<string, ReadonlySet<string>>;

const SOURCES = ['packages/**/*.{ts,js,mjs}', 'e2e/**/*.ts', 'benchmarks/src/**/*.ts', 'scripts/**/*.ts'];
const NOT_SOURCES = ['**/node_modules/**', '**/dist/**'];
const TESTS = /\.test\.ts$|\/(?:testing|conformance)\//;
const STATEMENT = /^[ \t]*(?:import|export)\b(?:[^'";]*?\bfrom)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

/**
 * Reads the block fenced as ```imports.
 *
 * @throws Error if there is none, or a line of it isn't `a -> b, c`
 */
export function readDrawing(markdown: string): Drawing {
  const block = /^```imports\n([\s\S]*?)^```$/m.exec(markdown)?.[1];
  if (block === undefined) throw new Error('ARCHITECTURE.md has no block fenced as ```imports');
  const drawing = new Map<string, Set<string>>();
  for (const line of block.split('\n').filter((text) => text.trim() !== '')) {
    const match = /^([\w/.-]+) +-> +([\w/.,\s-]+)$/.exec(line);
    const [, from, to] = match ?? [];
    if (from === undefined || to === undefined)
      throw new Error(`ARCHITECTURE.md: "${line}" is not of the form a -> b, c`);
    const targets = drawing.get(from) ?? new Set();
    for (const target of to.split(',')) targets.add(target.trim());
    drawing.set(from, targets);
  }
  return drawing;
}

/** The places along a circle of arrows, first and last the same; undefined if there is none. */
export function findCycle(drawing: Drawing): string[] | undefined {
  const done = new Set<string>();
  const visit = (place: string, path: string[]): string[] | undefined => {
    if (path.includes(place)) return [...path.slice(path.indexOf(place)), place];
    if (done.has(place)) return undefined;
    for (const target of drawing.get(place) ?? []) {
      const cycle = visit(target, [...path, place]);
      if (cycle !== undefined) return cycle;
    }
    done.add(place);
    return undefined;
  };
  for (const place of drawing.keys()) {
    const cycle = visit(place, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** All imports of `source` that could lead to another place. */
export function readImports(file: string, source: string): Import[] {
  return Array.from(source.matchAll(STATEMENT), (match) => ({
    file,
    line: source.slice(0, match.index).split('\n').length,
    specifier: match[1] ?? match[2] ?? '',
  })).filter(({ specifier }) => specifier.startsWith('.') || specifier in PACKAGES || specifier.startsWith('@hearth/'));
}

/** The place that a file of the repository belongs to. */
export function placeOf(file: string): string {
  const parts = file.split('/');
  if (parts[0] !== 'packages') return parts[0] ?? '';
  if (parts[1] === 'runtimes') return `runtimes/${parts[2]}`;
  // Files that lie beside the rooms put them together.
  if (parts[1] === 'server' && parts[2] === 'src') return `server/${parts.length > 4 ? parts[3] : 'main'}`;
  return parts[1] ?? '';
}

/**
 * Says in words what is wrong with one import, if anything is.
 *
 * @param imported - as {@link readImports} found it
 */
export function judge(imported: Import, drawing: Drawing): string | undefined {
  const { file, line, specifier } = imported;
  const from = placeOf(file);
  const where = `${file}:${line}`;
  if (!specifier.startsWith('.')) {
    const target = packageOf(specifier);
    if (target === undefined) return `${where} imports ${specifier}, which is no package of this workspace`;
    return allowed(drawing, from, target) ? undefined : `${where}: the drawing has no arrow ${from} -> ${target}`;
  }
  const path = posix.join(posix.dirname(file), specifier);
  const target = placeOf(path);
  if (from === target) return undefined;
  if (packageRoot(file) !== packageRoot(path)) {
    return `${where} reaches into ${packageRoot(path)} by a path; import what that package exports`;
  }
  if (TESTS.test(file) || allowed(drawing, from, target)) return undefined;
  return `${where}: the drawing has no arrow ${from} -> ${target}`;
}

/** Everything in the working tree at `root` that the drawing doesn't allow; one line of text each. */
export function checkArchitecture(root: string): string[] {
  const drawing = readDrawing(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'));
  const cycle = findCycle(drawing);
  if (cycle !== undefined) return [`ARCHITECTURE.md draws a circle: ${cycle.join(' -> ')}`];
  return globSync(SOURCES, { cwd: root, exclude: NOT_SOURCES })
    .toSorted()
    .flatMap((file) => readImports(file, readFileSync(join(root, file), 'utf8')))
    .flatMap((imported) => judge(imported, drawing) ?? []);
}

const PACKAGES: Readonly<Record<string, string>> = {
  '@hearth/protocol': 'protocol',
  '@hearth/linux': 'linux',
  '@hearth/agent': 'agent',
  '@hearth/spawner': 'spawner',
  '@hearth/server': 'server',
  '@hearth/runtime-node': 'runtimes/node',
  '@hearth/benchmarks': 'benchmarks',
  '@hearth/e2e': 'e2e',
  hearth: 'cli',
};

function packageOf(specifier: string): string | undefined {
  const name = specifier.startsWith('@') ? specifier.split('/', 2).join('/') : specifier.split('/', 1)[0];
  return PACKAGES[name ?? ''];
}

/** An arrow from or to a package counts for each of its rooms. */
function allowed(drawing: Drawing, from: string, to: string): boolean {
  const owner = from.split('/', 1)[0] ?? '';
  const fromPackage = owner === 'runtimes' ? from : owner;
  return fromPackage === to || [from, fromPackage].some((place) => drawing.get(place)?.has(to) === true);
}

function packageRoot(file: string): string {
  const parts = file.split('/');
  if (parts[0] !== 'packages') return parts[0] ?? '';
  return parts.slice(0, parts[1] === 'runtimes' ? 3 : 2).join('/');
}
