/** Unpacks a zip file of a function's code. Whatever the archive says, nothing is written outside of the target. */
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { type Entry, open, type ZipFile } from 'yauzl';

/** AWS's limit for code and layers together, unzipped. */
const MAX_BYTES = 250 * 1024 * 1024;
/** As many as the server lets pass at upload. */
const MAX_ENTRIES = 200_000;
const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;
/** Longest path that Linux takes. */
const MAX_LINK = 4096;

const openZip = promisify<string, { lazyEntries: boolean }, ZipFile>(open);

/** @throws where the archive is broken, too large, or would write outside of `target`. */
export async function unpack(archive: string, target: string): Promise<void> {
  // yauzl turns backslashes round, then refuses what isn't a plain relative path.
  const zip = await openZip(archive, { lazyEntries: true });
  try {
    if (zip.entryCount > MAX_ENTRIES) throw new Error(`the archive has more than ${MAX_ENTRIES} entries`);
    let left = MAX_BYTES;
    const real = new Set([target]);
    for await (const entry of entries(zip)) {
      left -= entry.uncompressedSize;
      if (left < 0) throw new Error(`the archive unpacks to more than ${MAX_BYTES} bytes`);
      await unpackEntry(zip, entry, target, real);
    }
  } finally {
    zip.close();
  }
}

async function* entries(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const next = Promise.withResolvers<Entry | undefined>();
    zip.once('entry', (entry: Entry) => next.resolve(entry));
    zip.once('end', () => next.resolve(undefined));
    zip.once('error', next.reject);
    zip.readEntry();
    const entry = await next.promise;
    zip.removeAllListeners('entry').removeAllListeners('end').removeAllListeners('error');
    if (entry === undefined) return;
    yield entry;
  }
}

async function unpackEntry(zip: ZipFile, entry: Entry, target: string, real: Set<string>): Promise<void> {
  const path = join(target, entry.fileName).replace(/\/$/, '');
  const mode = entry.externalFileAttributes >>> 16;
  if (entry.fileName.endsWith('/')) {
    makeDirectory(path, real);
    return;
  }
  if (path === target) throw new Error('the archive has a file with no name');
  const isLink = (mode & S_IFMT) === S_IFLNK;
  if (isLink && entry.uncompressedSize > MAX_LINK) throw new Error(`the link ${entry.fileName} is too long`);
  makeDirectory(dirname(path), real);
  // A name that stands in the archive twice: the last one counts. Removing the first means that no link is followed.
  // A directory is not removed, so those known to be real stay so.
  fs.rmSync(path, { force: true });
  // From here on nothing may fail before the stream has its reader: its errors would have nobody to go to.
  const data = await promisify(zip.openReadStream.bind(zip))(entry);
  if (isLink) {
    const pieces: Buffer[] = [];
    for await (const piece of data) pieces.push(piece as Buffer);
    // It may lead anywhere: whoever follows it does so inside the sandbox's own root, or is stopped below.
    fs.symlinkSync(Buffer.concat(pieces).toString(), path);
    return;
  }
  const executable = (mode & 0o111) !== 0;
  await pipeline(data, fs.createWriteStream(path, { flags: 'wx', mode: executable ? 0o755 : 0o644 }));
}

/** Makes a directory and its parents, none of which may be a link. @param real directories known to be none. */
function makeDirectory(path: string, real: Set<string>): void {
  if (real.has(path)) return;
  makeDirectory(dirname(path), real);
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) fs.mkdirSync(path, 0o755);
  else if (!found.isDirectory()) throw new Error(`the archive goes through ${path}, which is no directory`);
  real.add(path);
}
