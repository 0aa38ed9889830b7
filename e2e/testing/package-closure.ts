/** What `npm install` would have put beside a function: packages of this workspace with all that they depend on. */
import * as fs from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const FROM = join(ROOT, 'e2e');

interface Manifest {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/**
 * Collects installed packages and, through their manifests, all that they depend on.
 *
 * @returns for `zipOf`: names in the zip file that end in `/`, and the directories that belong there. A package nested
 * in another's node_modules keeps its place, so that versions are resolved as they are here.
 * @throws where one that is not optional isn't installed.
 */
export function packageClosure(...names: string[]): Record<string, string> {
  const found = new Map<string, string>();
  const visit = (name: string, from: string, optional: boolean): void => {
    const directory = find(name, from);
    if (directory === undefined) {
      // An optional one is for another kind of machine.
      if (optional) return;
      throw new Error(`${name}, which ${from} depends on, is not installed`);
    }
    const target = relative(ROOT, directory);
    if (found.has(`${target}/`)) return;
    found.set(`${target}/`, directory);
    const manifest = JSON.parse(fs.readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
    const optionals = manifest.optionalDependencies ?? {};
    for (const dependency of Object.keys(optionals)) visit(dependency, directory, true);
    for (const dependency of Object.keys(manifest.dependencies ?? {})) {
      visit(dependency, directory, dependency in optionals);
    }
  };
  for (const name of names) visit(name, FROM, false);
  // What stands in another's node_modules is packed together with that.
  return Object.fromEntries(
    [...found].filter(([target]) => !target.slice('node_modules/'.length).includes('node_modules/')),
  );
}

/** Node's way through the node_modules of each directory above, up to the workspace's. */
function find(name: string, from: string): string | undefined {
  for (let directory = from; ; directory = dirname(directory)) {
    const candidate = join(directory, 'node_modules', name);
    if (fs.existsSync(join(candidate, 'package.json'))) return fs.realpathSync(candidate);
    if (directory === ROOT) return undefined;
  }
}
