import type { IncomingMessage } from 'node:http';

/**
 * The credential of a request signed with Signature Version 4, as it stands: `AKID/date/region/service/aws4_request`,
 * from the `Authorization` header or, for a presigned URL, from `X-Amz-Credential`; undefined where there is none.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
 */
export function credentialOf(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization;
  if (header !== undefined) {
    const start = header.indexOf('Credential=');
    if (start < 0) return undefined;
    let end = header.indexOf(',', start);
    if (end < 0) end = header.indexOf(' ', start);
    return header.slice(start + 11, end < 0 ? header.length : end);
  }
  const url = request.url ?? '';
  const query = url.indexOf('X-Amz-Credential=');
  if (query < 0) return undefined;
  const end = url.indexOf('&', query);
  try {
    return decodeURIComponent(url.slice(query + 17, end < 0 ? url.length : end));
  } catch {
    // Not percent-encoding: no credential that anyone could have signed.
    return undefined;
  }
}

/** What a credential says. */
export interface CredentialScope {
  readonly accessKeyId: string;
  /** Undefined where the scope has none (Signature 4a) or it is no region's name. */
  readonly region: string | undefined;
  /** As `lambda`; undefined where the scope has none or it is no service's name. */
  readonly service: string | undefined;
}

/** Takes a credential apart, whether anyone has signed with it or not. */
export function parseCredential(credential: string): CredentialScope {
  const parts = credential.split('/');
  const [region, service] = parts.length >= 5 ? parts.slice(2, 4) : [];
  return {
    accessKeyId: parts[0] ?? '',
    region: region !== undefined && REGION.test(region) ? region : undefined,
    service: service !== undefined && SERVICE.test(service) ? service : undefined,
  };
}

const REGION = /^[a-z]{2,4}(-[a-z0-9]+){1,4}$/;
const SERVICE = /^[a-z0-9-]{1,40}$/;
