import { ApiError } from '@hearth/protocol';

/**
 * How far a request's time may lie from the server's: AWS's number for services other than S3 and STS.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
 */
const SKEW_MS = 5 * 60_000;

const MINUTE_MS = 60_000;

/** The last text and what it means: many requests come in the same second. */
let lastText = '';
let lastTime = 0;

/**
 * Milliseconds since the epoch of ISO 8601's basic format, as `20260131T235959Z`.
 *
 * @throws ApiError IncompleteSignatureException for any other text.
 */
export function parseTimestamp(text: string): number {
  if (text === lastText) return lastTime;
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  const [, year, month, day, hour, minute, second] = match?.map(Number) ?? [];
  const time = match === null ? Number.NaN : Date.UTC(year!, month! - 1, day, hour, minute, second);
  // A 31st of February is another day's name.
  if (!Number.isFinite(time) || formatTimestamp(time) !== text) {
    throw new ApiError(
      'IncompleteSignatureException',
      `Date must be in ISO-8601 'basic format'. Got '${text.slice(0, 100)}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    );
  }
  lastText = text;
  lastTime = time;
  return time;
}

/** Milliseconds since the epoch in ISO 8601's basic format, to the second. */
export function formatTimestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

/**
 * Holds the time of a request against the clock.
 *
 * @param lifetimeMs how long it is good after its own time: the skew, or what a presigned URL says.
 * @throws ApiError InvalidSignatureException in AWS's words.
 */
export function checkAge(time: number, now: number, lifetimeMs = SKEW_MS): void {
  if (now - time > lifetimeMs) {
    const earliest = formatTimestamp(now - lifetimeMs);
    throw new ApiError(
      'InvalidSignatureException',
      `Signature expired: ${formatTimestamp(time)} is now earlier than ${earliest} (${formatTimestamp(now)} - ${span(lifetimeMs)}.)`,
    );
  }
  if (time - now > SKEW_MS) {
    const latest = formatTimestamp(now + SKEW_MS);
    throw new ApiError(
      'InvalidSignatureException',
      `Signature not yet current: ${formatTimestamp(time)} is still later than ${latest} (${formatTimestamp(now)} + ${span(SKEW_MS)}.)`,
    );
  }
}

function span(milliseconds: number): string {
  return milliseconds % MINUTE_MS === 0 ? `${milliseconds / MINUTE_MS} min` : `${milliseconds / 1000} sec`;
}
