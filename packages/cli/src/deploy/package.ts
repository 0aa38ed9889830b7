import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { CliError } from '../cli-error.ts';
import { listFolder } from './folder.ts';
import type { PackageFiles } from './handler.ts';
import { readPackageJson } from './handler.ts';
import { openZip, zipFiles } from './zip.ts';

/** Code ready to be deployed. */
export interface CodePackage {
  zip: Buffer;
  files: PackageFiles;
  /** A function name made from what the package is called. */
  name: string;
}

/**
 * Makes a zip of a folder or of a single script, or takes the zip that `path` is.
 *
 * @throws CliError where there is nothing to deploy.
 */
export async function packCode(path: string): Promise<CodePackage> {
  const absolute = resolve(path);
  const info = await stat(absolute).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(`${path} cannot be read: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`, {
      hint: 'Name a folder, a .zip file, or one .js, .mjs or .cjs file.',
      cause: error,
    });
  });
  const stem = basename(absolute).replace(/\.[^.]+$/, '');
  if (info.isDirectory()) return await packFolder(absolute);
  if (/\.zip$/i.test(absolute)) {
    const zip = await readFile(absolute);
    const files = await openZip(zip, path);
    return { zip, files, name: functionName(stem) };
  }
  if (/\.[cm]?js$/.test(absolute)) {
    const name = basename(absolute);
    const zip = await zipFiles([{ name, path: absolute, executable: false }]);
    return { zip, files: { names: [name], read: () => readFile(absolute, 'utf8') }, name: functionName(stem) };
  }
  throw new CliError(`${path} is neither a folder nor a .zip, .js, .mjs or .cjs file.`, {
    hint: /\.tsx?$/.test(path) ? 'Compile or bundle it first, for instance with esbuild.' : undefined,
  });
}

async function packFolder(root: string): Promise<CodePackage> {
  const list = await listFolder(root);
  if (list.length === 0) throw new CliError(`${root} has no files to deploy.`);
  const paths = new Map(list.map((file) => [file.name, file.path]));
  const files: PackageFiles = {
    names: [...paths.keys()],
    read: (name) => readFile(paths.get(name) ?? name, 'utf8'),
  };
  const { name } = await readPackageJson(files);
  const called = typeof name === 'string' && name !== '' ? name.replace(/^@[^/]*\//, '') : basename(root);
  return { zip: await zipFiles(list), files, name: functionName(called) };
}

/** Letters, digits, `-` and `_`, at most 64: what Lambda takes as a function's name. */
function functionName(text: string): string {
  const name = text.replaceAll(/[^\w-]+/g, '-').replaceAll(/^-+|-+$/g, '');
  return name.slice(0, 64) || 'function';
}
