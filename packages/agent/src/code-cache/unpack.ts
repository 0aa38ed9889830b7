/** Unpacks a zip file of a function's code. Whatever the archive says, nothing is written outside of the target. */
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { crc32, inflateRawSync } from 'node:zlib';
import { isLink, PackageAudit, PackageError } from '@hearth/protocol';
import { type Entry, fromBuffer, fromRandomAccessReader, type ZipFile } from 'yauzl';
import { ArchiveReader } from './archive-reader.ts';

/**
 * A file up to this size, packed and unpacked, is written in one go. That takes a millisecond at most, less than having
 * other threads do it.
 */
const AT_ONCE = 256 * 1024;
/** As {@link Entry} says it. */
const STORED = 0;
/** In which disks give away their bytes. */
const BLOCK = 4096;
/** The disk's doing or the machine's, not the archive's. */
const NOT_ITS_FAULT: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EMFILE', 'ENFILE', 'ENOMEM']);

/** An archive, wherever its bytes are. */
interface Archive {
  zip: ZipFile;
  size: number;
  read: (position: number, length: number) => Buffer;
}

/**
 * @param archive its path, or its bytes.
 * @returns about how many bytes of the disk it takes.
 * @throws PackageError where it is broken, too large, or would write outside of `target`; the system's error where it could
 * not be written.
 */
export async function unpack(archive: string | Buffer, target: string): Promise<number> {
  try {
    return await unpackAll(archive, target);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (error instanceof PackageError || NOT_ITS_FAULT.has(code)) throw error;
    throw new PackageError(message, { cause: error });
  }
}

async function unpackAll(archive: string | Buffer, target: string): Promise<number> {
  const opened = await open(archive);
  const { zip, size } = opened;
  try {
    const audit = new PackageAudit(size);
    audit.expect(zip.entryCount);
    const real = new Set([target]);
    let blocks = 0;
    for await (const entry of entries(zip)) {
      audit.admit(entry);
      await unpackEntry(opened, entry, target, real);
      // A block for its inode and name, which are smaller, and its data's.
      blocks += 1 + Math.ceil(entry.uncompressedSize / BLOCK);
    }
    return (blocks + real.size) * BLOCK;
  } finally {
    zip.close();
  }
}

// yauzl turns backslashes round, then refuses what isn't a plain relative path.
const OPTIONS = { lazyEntries: true } as const;
const zipIn = promisify<Buffer, typeof OPTIONS, ZipFile>(fromBuffer);
const zipAt = promisify<ArchiveReader, number, typeof OPTIONS, ZipFile>(fromRandomAccessReader);

async function open(archive: string | Buffer): Promise<Archive> {
  if (typeof archive !== 'string') {
    const zip = await zipIn(archive, OPTIONS);
    return { zip, size: archive.length, read: (position, length) => archive.subarray(position, position + length) };
  }
  const reader = new ArchiveReader(archive);
  // yauzl closes it with its last use; there is none where it finds no archive.
  const zip = await zipAt(reader, reader.size, OPTIONS).catch((error: unknown) => {
    reader.unref();
    throw error;
  });
  return { zip, size: reader.size, read: (position, length) => reader.bytesAt(position, length) };
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
  makeDirectory(dirname(path), real);
  // A link may lead anywhere: whoever follows it does so inside the sandbox's own root, or is stopped above.
  if (isLink(entry)) {
    const destination = (await contentOf(archive, entry)).toString();
    return anew(path, () => fs.symlinkSync(destination, path));
  }
  const options = { flag: 'wx', mode: (mode & 0o111) === 0 ? 0o644 : 0o755 };
  if (Math.max(entry.compressedSize, entry.uncompressedSize) <= AT_ONCE) {
    const content = await contentOf(archive, entry);
    return anew(path, () => fs.writeFileSync(path, content, options));
  }
  fs.rmSync(path, { force: true });
  // From here on nothing may fail before the stream has its reader: its errors would have nobody to go to.
  const data = await archive.zip.openReadStreamPromise(entry);
  await pipeline(
    data,
    (pieces) => checked(pieces, entry),
    fs.createWriteStream(path, { flags: 'wx', mode: options.mode }),
  );
}

/**
 * Makes what doesn't stand there yet. A name that stands in the archive twice: the last one counts. Removing the first
 * means that no link is followed. A directory is not removed, so those known to be real stay so.
 */
function anew(path: string, make: () => void): void {
  try {
    make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    fs.rmSync(path);
    make();
  }
}

async function* checked(pieces: AsyncIterable<Buffer>, entry: Entry): AsyncGenerator<Buffer> {
  let sum = 0;
  for await (const piece of pieces) {
    sum = crc32(piece, sum);
    yield piece;
  }
  if (sum !== entry.crc32) throw new PackageError(`${entry.fileName} is damaged: its checksum is another`);
}

/** @throws where it isn't as long as the archive's directory says, or has another checksum. */
async function contentOf({ zip, read }: Archive, entry: Entry): Promise<Buffer> {
  const { fileName, compressedSize, uncompressedSize } = entry;
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const packed = read(fileDataStart, compressedSize);
  const content = entry.compressionMethod === STORED ? packed : inflate(packed, Math.max(uncompressedSize, 1));
  if (content?.length !== uncompressedSize) {
    const amount = content !== undefined && content.length < uncompressedSize ? 'not enough' : 'too many';
    throw new PackageError(`${fileName} has ${amount} bytes: it should be ${uncompressedSize} bytes long`);
  }
  if (crc32(content) !== entry.crc32) throw new PackageError(`${fileName} is damaged: its checksum is another`);
  return content;
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
  else if (!found.isDirectory()) throw new PackageError(`the archive goes through ${path}, which is no directory`);
  real.add(path);
}
