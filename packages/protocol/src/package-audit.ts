/** What a deployment package may be, by what its directory says. Held to by the server at upload and by whoever unpacks. */

/** AWS's limit for code and layers together, unzipped (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
export const MAX_UNZIPPED_BYTES = 250 * 1024 * 1024;
/** Entries of an archive: far above any real package, and a bound on the time that reading its directory takes. */
export const MAX_PACKAGE_ENTRIES = 200_000;
/** Bytes of a path, and of each name in it, that Linux takes. */
const MAX_PATH = 4_095;
const MAX_NAME = 255;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;
const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;

/** An entry of a zip file's directory. Bytes and bits as PKWARE's APPNOTE.TXT has them. */
export interface PackageEntry {
  /** Relative, with `/` between its names, and no `..`: whoever reads the directory sees to that. */
  readonly fileName: string;
  readonly compressedSize: number;
  readonly uncompressedSize: number;
  readonly compressionMethod: number;
  readonly generalPurposeBitFlag: number;
  /** The upper half is `st_mode`. */
  readonly externalFileAttributes: number;
}

/** The package can't be used, whatever is done with it. */
export class PackageError extends Error {
  override name = 'PackageError';
}

/** Unzipped it would be larger than {@link MAX_UNZIPPED_BYTES}. */
export class PackageTooLargeError extends PackageError {
  override name = 'PackageTooLargeError';
}

export function isLink(entry: PackageEntry): boolean {
  return ((entry.externalFileAttributes >>> 16) & S_IFMT) === S_IFLNK;
}

/**
 * Looks at the entries of one archive, one after the other.
 *
 * Its sums are what bombs are made of: bytes that unpack to more, entries that share the same bytes (each may then be read
 * again and again, though it unpacks to nothing), entries without end.
 */
export class PackageAudit {
  readonly #archiveBytes: number;
  #entries = 0;
  #packed = 0;
  #unpacked = 0;

  /** @param archiveBytes size of the whole archive. */
  constructor(archiveBytes: number) {
    this.#archiveBytes = archiveBytes;
  }

  get entries(): number {
    return this.#entries;
  }

  /** Bytes of the files so far, unzipped. */
  get unpacked(): number {
    return this.#unpacked;
  }

  /** Call it before the directory is read. @param count what the archive says of itself. */
  expect(count: number): void {
    if (count > MAX_PACKAGE_ENTRIES) throw new PackageError(`the archive has more than ${MAX_PACKAGE_ENTRIES} entries`);
  }

  /** @throws PackageError where this entry, or all up to it together, are more than a package may have. */
  admit(entry: PackageEntry): void {
    this.expect(++this.#entries);
    this.#packed += entry.compressedSize;
    this.#unpacked += entry.uncompressedSize;
    if (this.#packed > this.#archiveBytes) throw new PackageError('entries of the archive overlap');
    if (this.#unpacked > MAX_UNZIPPED_BYTES) {
      throw new PackageTooLargeError(`the archive unpacks to more than ${MAX_UNZIPPED_BYTES} bytes`);
    }
    admitName(entry.fileName);
    if (entry.fileName.endsWith('/')) return;
    const { compressionMethod: method, generalPurposeBitFlag: flags } = entry;
    if ((flags & ENCRYPTED) !== 0) throw new PackageError(`${brief(entry.fileName)} is encrypted`);
    if (method !== STORED && method !== DEFLATED) {
      throw new PackageError(`${brief(entry.fileName)} is of an unsupported compression method, ${method}`);
    }
    const size = Math.max(entry.compressedSize, entry.uncompressedSize);
    if (isLink(entry) && size > MAX_PATH + 1) throw new PackageError(`the link ${brief(entry.fileName)} is too long`);
  }
}

function admitName(fileName: string): void {
  if (Buffer.byteLength(fileName) > MAX_PATH) throw new PackageError(`the path ${brief(fileName)} is too long`);
  if (fileName.includes('\0')) throw new PackageError(`the name ${JSON.stringify(brief(fileName))} has a zero in it`);
  const names = fileName.split('/');
  for (const name of names) {
    if (Buffer.byteLength(name) > MAX_NAME) throw new PackageError(`the name ${brief(name)} is too long`);
  }
  const isDirectory = fileName.endsWith('/');
  if (!isDirectory && names.every((name) => name === '' || name === '.')) {
    throw new PackageError('the archive has a file with no name');
  }
}

/** Enough of a name to know it by. */
function brief(name: string): string {
  return name.length <= 100 ? name : `${name.slice(0, 100)}...`;
}
