import type { FunctionCode } from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import { unsupported } from './unsupported.ts';

/**
 * The zip file that a request brings.
 *
 * @throws ApiError InvalidParameterValueException where it brings none, or names one that is elsewhere.
 */
export function codeBytes(code: FunctionCode): Buffer {
  if (code.ImageUri !== undefined) throw unsupported('Code from a container image (ImageUri)', 'Send a ZipFile.');
  if (code.S3Bucket !== undefined || code.S3Key !== undefined) {
    throw unsupported('Code from S3 (S3Bucket, S3Key)', 'Send the same file as ZipFile.');
  }
  if (code.SourceKMSKeyArn !== undefined) throw unsupported('SourceKMSKeyArn');
  if (code.ZipFile === undefined) {
    throw new ApiError('InvalidParameterValueException', 'Please provide a source for function code.');
  }
  const { buffer, byteOffset, byteLength } = code.ZipFile;
  return Buffer.from(buffer, byteOffset, byteLength);
}
