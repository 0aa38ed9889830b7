import { MAX_UNZIPPED_BYTES } from '@hearth/protocol';

/**
 * Quotas of Lambda that this room enforces.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const LIMITS = {
  /** Bytes of a deployment package, zipped. */
  codeSizeZipped: 50 * 1024 * 1024,
  /** Bytes of a deployment package, unzipped. */
  codeSizeUnzipped: MAX_UNZIPPED_BYTES,
  /** Bytes of all code and layers of an account in a region: 75 GB. */
  totalCodeSize: 75 * 1024 * 1024 * 1024,
  /** Bytes of all environment variables together, as JSON. */
  environment: 4 * 1024,
  /** MB; the model allows more, for functions on instances of one's own. */
  memorySize: 10_240,
  /** MB; the same. */
  ephemeralStorage: 10_240,
  /** Seconds; the model allows more, for the same reason. */
  timeout: 900,
  /** Tags on one function. */
  tags: 50,
  /** Characters of a function's own name; the model's maximum is that of an ARN. */
  name: 64,
  /** What reservations leave of an account's concurrency at least. */
  unreservedConcurrency: 100,
  /** Layers of one function. */
  layers: 5,
  /** Bytes of a resource's policy. */
  policy: 20 * 1024,
  /** Items in one page of a list. */
  page: 50,
} as const;
