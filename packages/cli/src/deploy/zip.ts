import { buffer } from 'node:stream/consumers';
import yauzl from 'yauzl';
import yazl from 'yazl';
import { CliError } from '../cli-error.ts';
import type { FolderFile } from './folder.ts';
import type { PackageFiles } from './handler.ts';

/** The earliest time a zip can state: the same files make the same zip, and so the same CodeSha256. */
const NO_TIME = new Date(1980, 0, 1);

/** Zips files in memory. @throws the system's error where one cannot be read. */
export async function zipFiles(files: FolderFile[]): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  for (const { name, path, executable } of files) {
    zip.addFile(path, name, { mtime: NO_TIME, forceDosTimestamp: true, mode: executable ? 0o100755 : 0o100644 });
  }
  zip.end();
  const failed = new Promise<never>((_, reject) => zip.on('error', reject));
  return await Promise.race([buffer(zip.outputStream), failed]);
}

/** Looks into a zip. @throws CliError where `bytes` are none. */
export async function openZip(bytes: Buffer, source: string): Promise<PackageFiles> {
  const entries = new Map<string, yauzl.Entry>();
  let zip: yauzl.ZipFile;
  try {
    zip = await yauzl.fromBufferPromise(bytes, { lazyEntries: true });
    for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
  } catch (error) {
    throw new CliError(`${source} is not a zip file: ${(error as Error).message}`, { cause: error });
  }
  return {
    names: [...entries.keys()],
    read: async (name) => {
      const entry = entries.get(name);
      if (entry === undefined) throw new CliError(`${source} has no ${name}.`);
      return (await buffer(await zip.openReadStreamPromise(entry))).toString();
    },
  };
}
