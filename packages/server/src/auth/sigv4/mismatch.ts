import { ApiError } from '@hearth/protocol';

/** AWS's answer to a signature that is not the right one, whatever it is that differs. */
export function signatureMismatch(hint = ''): ApiError {
  return new ApiError(
    'InvalidSignatureException',
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
      `and signing method. Consult the service documentation for details.${hint}`,
  );
}
