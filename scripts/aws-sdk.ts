/** Lays out the AWS SDK that function code finds in /var/runtime/node_modules: what packages/runtimes/aws-sdk names, and all that it depends on. */
import * as fs from 'node:fs';
import { dirname, join, relative } from 'node:path';

interface Manifest {
  version: string;
  dependencies?: Record<string, string>;
}

/** Written last, so that what is there is whole; its text names each package with its version. */
const STAMP = '.packages';

/** For compilers and bundlers, which have no business there: Node takes `dist-cjs` for `import` and `require` alike. */
const LEFT_OUT = /^(dist-es|dist-types|README\.md|CHANGELOG\.md)$|\.d\.[cm]?ts$|\.map$/;

/**
 * Puts the packages below `target`, in place of what is there, in one step; does nothing where they are there already. Files are
 * links to those that npm has installed, or copies where links can't be made.
 *
 * @param root of the workspace. @throws where one of the packages isn't installed.
 */
export function layOutAwsSdk(root: string, target: string): void {
  const packages = closure(root, join(root, 'packages/runtimes/aws-sdk'));
  const stamp = [...packages].map(([directory, { version }]) => `${relative(root, directory)}@${version}\n`).join('');
  if (fs.existsSync(join(target, STAMP)) && fs.readFileSync(join(target, STAMP), 'utf8') === stamp) return;
  const next = `${target}.new`;
  const last = `${target}.old`;
  for (const path of [next, last]) fs.rmSync(path, { recursive: true, force: true });
  for (const directory of packages.keys()) {
    // A package nested in another's node_modules keeps its place, so that versions are found as they are here.
    const [, place] = /node_modules\/(.+)$/.exec(relative(root, directory)) ?? [];
    if (place === undefined) throw new Error(`${directory} is not in a node_modules`);
    linkTree(directory, join(next, place));
  }
  fs.writeFileSync(join(next, STAMP), stamp);
  // Running instances see the folder above.
  if (fs.existsSync(target)) fs.renameSync(target, last);
  fs.renameSync(next, target);
  fs.rmSync(last, { recursive: true, force: true });
}

/** The directories of all packages that the one in `from` depends on, and their manifests. */
function closure(root: string, from: string): Map<string, Manifest> {
  const found = new Map<string, Manifest>();
  const visit = (dependent: string, { dependencies = {} }: Manifest): void => {
    for (const name of Object.keys(dependencies)) {
      const directory = find(root, name, dependent);
      if (found.has(directory)) continue;
      const manifest = readManifest(directory);
      found.set(directory, manifest);
      visit(directory, manifest);
    }
  };
  visit(from, readManifest(from));
  return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Node's way through the node_modules of each directory above, up to the workspace's. */
function find(root: string, name: string, from: string): string {
  for (let directory = from; ; directory = dirname(directory)) {
    const candidate = join(directory, 'node_modules', name);
    if (fs.existsSync(join(candidate, 'package.json'))) return candidate;
    if (directory === root) throw new Error(`${name}, which ${from} depends on, is not installed: run  npm install`);
  }
}

function readManifest(directory: string): Manifest {
  return JSON.parse(fs.readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
}

function linkTree(source: string, target: string): void {
  fs.mkdirSync(target, { recursive: true });
  fs.chmodSync(target, 0o755);
  for (const entry of fs.readdirSync(source, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || LEFT_OUT.test(entry.name)) continue;
    const from = join(source, entry.name);
    const to = join(target, entry.name);
    if (entry.isDirectory()) linkTree(from, to);
    else if (entry.isFile()) linkFile(from, to);
  }
}

/** Sandboxes' users must be able to read it, whatever umask npm ran under. */
function linkFile(from: string, to: string): void {
  if ((fs.statSync(from).mode & 0o004) !== 0) {
    try {
      return fs.linkSync(from, to);
    } catch {
      // Another disk, or one without links: a copy serves as well.
    }
  }
  fs.copyFileSync(from, to);
  fs.chmodSync(to, 0o644);
}
