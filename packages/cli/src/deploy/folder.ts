import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import ignore from 'ignore';
import { CliError } from '../cli-error.ts';

/** What never belongs into a function, whoever's folder it is. */
const NEVER = ['.git/', 'node_modules/.cache/', '.DS_Store', '.hearthignore'];

/** A file that goes into the zip. */
export interface FolderFile {
  /** From the root, with `/`. */
  name: string;
  path: string;
  executable: boolean;
}

/**
 * The files of a function's folder, sorted by name: all but `.git`, `node_modules/.cache` and what `.hearthignore`
 * lists in the manner of gitignore. Links are followed, as npm's workspaces need; one that leads back into its own
 * folder is refused.
 */
export async function listFolder(root: string): Promise<FolderFile[]> {
  const rules = ignore().add(NEVER);
  const own = await readFile(join(root, '.hearthignore'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  rules.add(own);
  const files: FolderFile[] = [];
  const walk = async (prefix: string, above: readonly string[]): Promise<void> => {
    const directory = join(root, prefix);
    const real = await realpath(directory);
    if (above.includes(real)) {
      throw new CliError(`${directory} is a link to a folder that it stands in.`, {
        hint: `Remove it, or add a line  ${prefix}  to ${join(root, '.hearthignore')}.`,
      });
    }
    for (const entry of await readdir(directory)) {
      const name = prefix + entry;
      const path = join(root, name);
      if (rules.ignores(name)) continue;
      const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
        throw new CliError(`${path} cannot be read: ${error.code}`, {
          hint: 'Is it a link that leads nowhere? Remove it, or list it in .hearthignore.',
          cause: error,
        });
      });
      if (info.isDirectory()) {
        if (!rules.ignores(`${name}/`)) await walk(`${name}/`, [...above, real]);
      } else if (info.isFile()) files.push({ name, path, executable: (info.mode & 0o111) !== 0 });
    }
  };
  await walk('', []);
  return files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
