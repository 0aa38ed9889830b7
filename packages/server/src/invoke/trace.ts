import { randomBytes } from 'node:crypto';

/** The parts of a trace header: `Root`, `Parent`, `Sampled` and what else is in it. */
export function traceFields(header: string): Partial<Record<string, string>> {
  return Object.fromEntries(
    header.split(';').map((field) => {
      const at = field.indexOf('=');
      return [field.slice(0, at).trim(), field.slice(at + 1).trim()];
    }),
  );
}

/**
 * The trace header that a function with active tracing is given: the caller's trace, or a new one, with the function's own
 * segment as parent of all that follows. A decision of the caller's about sampling holds; else it is sampled.
 *
 * Source: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader and
 * https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
 *
 * @param header `X-Amzn-Trace-Id` as the caller sent it.
 * @param now milliseconds since the epoch.
 */
export function activeTrace(header: string | undefined, now: number): string {
  const { Root, Sampled, Parent: _, ...rest } = header === undefined ? {} : traceFields(header);
  const root = Root ?? `1-${Math.floor(now / 1000).toString(16)}-${randomBytes(12).toString('hex')}`;
  const sampled = Sampled === '0' ? '0' : '1';
  const others = Object.entries(rest).map(([name, value]) => `;${name}=${value}`);
  return `Root=${root};Parent=${randomBytes(8).toString('hex')};Sampled=${sampled}${others.join('')}`;
}
