/** Entry files in the order in which they are looked for where package.json names none. */
const ENTRIES = ['index', 'app', 'handler', 'lambda', 'main', 'src/index', 'src/app', 'src/handler', 'dist/index'];
const EXTENSIONS = ['.mjs', '.js', '.cjs'];
const NAME = '[A-Za-z_$][\\w$]*';

/** What a handler is guessed from: the names in the package, and a way to read one. */
export interface PackageFiles {
  /** Paths from the root of the package, with `/`. */
  readonly names: readonly string[];
  read(name: string): Promise<string>;
}

/**
 * The handler that a package most likely means, as `file.export`: the entry file of package.json, else the usual
 * names, else the only script at the root; of its exports `handler` first. The code is looked at, never run.
 *
 * @returns undefined where no file looks like an entry.
 */
export async function guessHandler(files: PackageFiles): Promise<string | undefined> {
  const entry = await guessEntry(files);
  if (entry === undefined) return undefined;
  const module = entry.replace(/\.[cm]?js$/, '');
  return `${module}.${guessExport(await files.read(entry))}`;
}

/** Whether the module that `handler` names is in the package. */
export function hasHandler(files: PackageFiles, handler: string): boolean {
  const module = handler.replace(/^(.*\/)?([^./]+)\..*$/, '$1$2');
  return EXTENSIONS.some((extension) => files.names.includes(module + extension));
}

async function guessEntry(files: PackageFiles): Promise<string | undefined> {
  const present = new Set(files.names);
  const main = await readMain(files);
  const named = [main, `${main}.js`, `${main}/index.js`].find((name) => present.has(name) && /\.[cm]?js$/.test(name));
  if (main !== '' && named !== undefined) return named;
  for (const entry of ENTRIES) {
    const found = EXTENSIONS.map((extension) => entry + extension).find((name) => present.has(name));
    if (found !== undefined) return found;
  }
  const scripts = files.names.filter((name) => /^[^/]+\.[cm]?js$/.test(name));
  return scripts.length === 1 ? scripts[0] : undefined;
}

async function readMain(files: PackageFiles): Promise<string> {
  const main = (await readPackageJson(files)).main;
  return typeof main === 'string' ? main.replace(/^\.\//, '') : '';
}

/** The package's package.json; empty where there is none, or none that is JSON: the guess then does without. */
export async function readPackageJson(files: PackageFiles): Promise<Record<string, unknown>> {
  if (!files.names.includes('package.json')) return {};
  try {
    return JSON.parse(await files.read('package.json')) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Of the names that a module exports: `handler`, else the first; `handler` where none can be seen. */
export function guessExport(source: string): string {
  const names = exportedNames(source);
  return names.includes('handler') ? 'handler' : (names[0] ?? 'handler');
}

function exportedNames(source: string): string[] {
  const patterns = [
    new RegExp(`^\\s*export\\s+(?:const|let|var|(?:async\\s+)?function\\s*\\*?)\\s*(${NAME})`, 'gm'),
    new RegExp(`^\\s*(?:module\\.)?exports\\.(${NAME})\\s*=`, 'gm'),
  ];
  const names = patterns.flatMap((pattern) => [...source.matchAll(pattern)].map((match) => match[1] ?? ''));
  const lists = source.matchAll(/^\s*(?:export|module\.exports\s*=)\s*\{([^}]*)\}/gm);
  for (const [, list = ''] of lists) {
    for (const item of list.split(',')) {
      const name = new RegExp(`^(?:.*\\bas\\s+)?(${NAME})`, 's').exec(item.trim())?.[1];
      if (name !== undefined) names.push(name);
    }
  }
  return names.filter((name) => name !== 'default' && name !== '__esModule');
}
