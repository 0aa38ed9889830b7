import { createHash, createHmac } from 'node:crypto';
import type { Target } from './load/target.ts';

/** An access key. */
export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
}

/**
 * The same target with the headers that an SDK signs it with, Signature Version 4
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). Good for five minutes.
 */
export function signed(target: Target, { accessKeyId, secretAccessKey }: Keys, now = new Date()): Target {
  const { host, pathname } = new URL(target.url);
  const date = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = [date.slice(0, 8), 'us-east-1', 'lambda', 'aws4_request'];
  const hash = sha256(target.body);
  const signedHeaders = 'content-type;host;x-amz-content-sha256;x-amz-date';
  const canonical = [
    'POST',
    pathname,
    '',
    'content-type:application/json',
    `host:${host}`,
    `x-amz-content-sha256:${hash}`,
    `x-amz-date:${date}`,
    '',
    signedHeaders,
    hash,
  ].join('\n');
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`);
  for (const part of scope) key = createHmac('sha256', key).update(part).digest();
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonical)].join('\n');
  return {
    ...target,
    headers: {
      'content-type': 'application/json',
      'x-amz-content-sha256': hash,
      'x-amz-date': date,
      authorization: [
        `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope.join('/')}`,
        `SignedHeaders=${signedHeaders}`,
        `Signature=${createHmac('sha256', key).update(text).digest('hex')}`,
      ].join(', '),
    },
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
