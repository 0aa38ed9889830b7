import { ApiError } from '@hearth/protocol';

const REGION = /^[a-z]{2,4}(-[a-z0-9]+){1,4}$/;

/** What the credential of a claim says. */
export interface Scope {
  readonly accessKeyId: string;
  /** As `20260131`. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** `date/region/service/aws4_request`. */
  readonly text: string;
}

export interface ScopeRules {
  /** Names of the services that are served. */
  readonly services: ReadonlySet<string>;
  /** The regions that are served; undefined where any name of a region is one. */
  readonly regions: ReadonlySet<string> | undefined;
}

/**
 * Takes a credential apart and holds its scope against what is served.
 *
 * Source of the words: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
 *
 * @throws ApiError IncompleteSignatureException or InvalidSignatureException in AWS's words.
 */
export function readScope(credential: string, { services, regions }: ScopeRules): Scope {
  const parts = credential.split('/');
  const [accessKeyId, date, region, service, terminator] = parts;
  if (parts.length !== 5 || accessKeyId === '') {
    throw new ApiError(
      'IncompleteSignatureException',
      'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, ' +
        `got '${credential.slice(0, 200)}'`,
    );
  }
  if (terminator !== 'aws4_request') {
    throw invalid(`Credential should be scoped with a valid terminator: 'aws4_request', not '${brief(terminator)}'.`);
  }
  if (!REGION.test(region!) || regions?.has(region!) === false) {
    throw invalid(`Credential should be scoped to a valid region, not '${brief(region)}'. `);
  }
  if (!services.has(service!)) {
    const right = [...services].map((name) => `'${name}'`).join(' or ');
    throw invalid(`Credential should be scoped to correct service: ${right}. `);
  }
  return { accessKeyId: accessKeyId!, date: date!, region: region!, service: service!, text: parts.slice(1).join('/') };
}

/** @throws ApiError InvalidSignatureException where a scope's day is not that of the request's own time. */
export function checkDate({ date }: Scope, timestamp: string): void {
  if (timestamp.startsWith(date) && date.length === 8) return;
  throw invalid(
    'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
      `'${brief(date)}' != '${timestamp.slice(0, 8)}', from '${timestamp}'.`,
  );
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidSignatureException', message);
}

function brief(text: string | undefined): string {
  return (text ?? '').slice(0, 50);
}
