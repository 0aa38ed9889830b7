import { ApiError } from '@hearth/protocol';
import { fromBuffer } from 'yauzl';
import { LIMITS } from './limits.ts';

/** Entries of a deployment package: far above any real one, and a bound on the time that reading a directory takes. */
const MAX_ENTRIES = 200_000;

/**
 * Checks a deployment package by its directory, without unpacking it: that it is a zip file, that its paths stay
 * inside, and that it would not unpack to more than 250 MB. The directory may lie; whoever unpacks counts again.
 *
 * @throws ApiError InvalidParameterValueException, with AWS's texts where there are such.
 */
export async function checkPackage(zip: Buffer): Promise<void> {
  if (zip.length === 0) throw invalid('Uploaded file must be a non-empty zip');
  if (zip.length > LIMITS.codeSizeZipped) {
    throw invalid(`Zipped size must be smaller than ${LIMITS.codeSizeZipped} bytes`);
  }
  const { entries, unzipped } = await readDirectory(zip);
  if (entries === 0) throw invalid('Uploaded file must be a non-empty zip');
  if (unzipped > LIMITS.codeSizeUnzipped) {
    throw invalid(`Unzipped size must be smaller than ${LIMITS.codeSizeUnzipped} bytes`);
  }
}

function readDirectory(zip: Buffer): Promise<{ entries: number; unzipped: number }> {
  return new Promise((resolve, reject) => {
    // yauzl itself turns backslashes round and then refuses absolute paths and `..`; its reasons are kept as causes.
    const fail = (cause: unknown) =>
      reject(invalid('Could not unzip uploaded file. Please check your file, then try to upload again.', cause));
    fromBuffer(zip, { lazyEntries: true }, (error, file) => {
      if (error) {
        fail(error);
        return;
      }
      let entries = 0;
      let unzipped = 0;
      file.on('error', fail);
      file.on('entry', (entry) => {
        entries += 1;
        unzipped += entry.uncompressedSize;
        if (entries > MAX_ENTRIES) reject(invalid(`A deployment package may have ${MAX_ENTRIES} files at most`));
        else file.readEntry();
      });
      file.on('end', () => resolve({ entries, unzipped }));
      file.readEntry();
    });
  });
}

function invalid(message: string, cause?: unknown): ApiError {
  return new ApiError('InvalidParameterValueException', message, cause === undefined ? {} : { cause });
}
