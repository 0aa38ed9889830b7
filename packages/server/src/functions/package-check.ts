import { ApiError, MAX_UNZIPPED_BYTES, PackageAudit, PackageError, PackageTooLargeError } from '@hearth/protocol';
import { fromBuffer } from 'yauzl';
import { LIMITS } from './limits.ts';

/**
 * Checks a deployment package or a layer by its directory, without unpacking it: that it is a zip file of which each entry can be
 * unpacked, that its paths stay inside, and that it would not unpack to more than 250 MB. The directory may lie; whoever
 * unpacks counts again.
 *
 * @returns bytes of all its files, unzipped.
 * @throws ApiError InvalidParameterValueException, with AWS's texts where there are such.
 */
export async function checkPackage(zip: Buffer): Promise<number> {
  if (zip.length === 0) throw invalid('Uploaded file must be a non-empty zip');
  if (zip.length > LIMITS.codeSizeZipped) {
    throw invalid(`Zipped size must be smaller than ${LIMITS.codeSizeZipped} bytes`);
  }
  const audit = new PackageAudit(zip.length);
  try {
    await readDirectory(zip, audit);
  } catch (error) {
    if (error instanceof PackageTooLargeError) {
      throw invalid(`Unzipped size must be smaller than ${MAX_UNZIPPED_BYTES} bytes`, error);
    }
    const reason = error instanceof PackageError ? ` (${error.message})` : '';
    throw invalid(`Could not unzip uploaded file. Please check your file, then try to upload again.${reason}`, error);
  }
  if (audit.entries === 0) throw invalid('Uploaded file must be a non-empty zip');
  return audit.unpacked;
}

function readDirectory(zip: Buffer, audit: PackageAudit): Promise<void> {
  return new Promise((resolve, reject) => {
    // yauzl itself turns backslashes round and then refuses absolute paths and `..`; its reasons are kept as causes.
    fromBuffer(zip, { lazyEntries: true }, (failure, file) => {
      if (failure) {
        reject(failure);
        return;
      }
      const orReject = (step: () => void): void => {
        try {
          step();
        } catch (error) {
          reject(error);
        }
      };
      file.on('error', reject);
      file.on('entry', (entry) =>
        orReject(() => {
          audit.admit(entry);
          file.readEntry();
        }),
      );
      file.on('end', resolve);
      orReject(() => {
        audit.expect(file.entryCount);
        file.readEntry();
      });
    });
  });
}

function invalid(message: string, cause?: unknown): ApiError {
  return new ApiError('InvalidParameterValueException', message, cause === undefined ? {} : { cause });
}
