/** Unpacks a zip file of a function's code. Whatever the archive says, nothing is written outside of the target. */
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { inflateRawSync } from 'node:zlib';
import { type Entry, fromBuffer, fromFd, type ZipFile } from 'yauzl';

/** AWS's limit for code and layers together, unzipped. */
const MAX_BYTES = 250 * 1024 * 1024;
/** As many as the server lets pass at upload. */
const MAX_ENTRIES = 200_000;
const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;
/** Longest path that Linux takes. */
const MAX_LINK = 4096;

/**
 * A file up to this size, packed and unpacked, is written in one go. That takes a millisecond at most, less than having
 * other threads do it.
 */
const AT_ONCE = 256 * 1024;
/** As {@link Entry} says it. */
const STORED = 0;

/** An archive, wherever its bytes are. */
interface Archive {
  zip: ZipFile;
  read: (position: number, length: number) => Buffer;
}

/** @param archive its path, or its bytes. @throws where it is broken, too large, or would write outside of `target`. */
export async function unpack(archive: string | Buffer, target: string): Promise<void> {
  const opened = await open(archive);
  const { zip } = opened;
  try {
    if (zip.entryCount > MAX_ENTRIES) throw new Error(`the archive has more than ${MAX_ENTRIES} entries`);
    let left = MAX_BYTES;
    const real = new Set([target]);
    for await (const entry of entries(zip)) {
      left -= entry.uncompressedSize;
      if (left < 0) throw new Error(`the archive unpacks to more than ${MAX_BYTES} bytes`);
      await unpackEntry(opened, entry, target, real);
    }
  } finally {
    zip.close();
  }
}

// yauzl turns backslashes round, then refuses what isn't a plain relative path.
const zipIn = promisify<Buffer, { lazyEntries: boolean }, ZipFile>(fromBuffer);
const zipAt = promisify<number, { lazyEntries: boolean }, ZipFile>(fromFd);

async function open(archive: string | Buffer): Promise<Archive> {
  if (typeof archive !== 'string') {
    const zip = await zipIn(archive, { lazyEntries: true });
    return { zip, read: (position, length) => archive.subarray(position, position + length) };
  }
  const fd = fs.openSync(archive, 'r');
  try {
    const zip = await zipAt(fd, { lazyEntries: true });
    const read = (position: number, length: number): Buffer => {
      const bytes = Buffer.allocUnsafe(length);
      return bytes.subarray(0, fs.readSync(fd, bytes, 0, length, position));
    };
    return { zip, read };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
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

async function unpackEntry(archive: Archive, entry: Entry, target: string, real: Set<string>): Promise<void> {
  const path = join(target, entry.fileName).replace(/\/$/, '');
  const mode = entry.externalFileAttributes >>> 16;
  if (entry.fileName.endsWith('/')) {
    makeDirectory(path, real);
    return;
  }
  if (path === target) throw new Error('the archive has a file with no name');
  const isLink = (mode & S_IFMT) === S_IFLNK;
  const size = Math.max(entry.compressedSize, entry.uncompressedSize);
  if (isLink && size > MAX_LINK) throw new Error(`the link ${entry.fileName} is too long`);
  makeDirectory(dirname(path), real);
  // A name that stands in the archive twice: the last one counts. Removing the first means that no link is followed.
  // A directory is not removed, so those known to be real stay so.
  fs.rmSync(path, { force: true });
  // It may lead anywhere: whoever follows it does so inside the sandbox's own root, or is stopped above.
  if (isLink) return fs.symlinkSync((await contentOf(archive, entry)).toString(), path);
  const options = { flag: 'wx', mode: (mode & 0o111) === 0 ? 0o644 : 0o755 };
  if (size <= AT_ONCE) return fs.writeFileSync(path, await contentOf(archive, entry), options);
  // From here on nothing may fail before the stream has its reader: its errors would have nobody to go to.
  const data = await archive.zip.openReadStreamPromise(entry);
  await pipeline(data, fs.createWriteStream(path, { flags: options.flag, mode: options.mode }));
}

/** @throws where it isn't as long as the archive's directory says. */
async function contentOf({ zip, read }: Archive, entry: Entry): Promise<Buffer> {
  const { fileName, compressedSize, uncompressedSize } = entry;
  if (!entry.canDecodeFileData()) throw new Error(`${fileName} is encrypted, or of an unsupported compression method`);
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const packed = read(fileDataStart, compressedSize);
  const content = entry.compressionMethod === STORED ? packed : inflate(packed, Math.max(uncompressedSize, 1));
  if (content?.length === uncompressedSize) return content;
  const amount = content !== undefined && content.length < uncompressedSize ? 'not enough' : 'too many';
  throw new Error(`${fileName} has ${amount} bytes: it should be ${uncompressedSize} bytes long`);
}

/** @returns what is packed; undefined where that is longer than `limit`. */
function inflate(packed: Buffer, limit: number): Buffer | undefined {
  try {
    return inflateRawSync(packed, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
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
