import { EventStreamCodec } from '@smithy/core/event-streams';
import type { FuzzRequest } from './requests.ts';
import type { WireAnswer } from './wire.ts';

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether an answer is one that a client of AWS can make sense of. @returns what is wrong with it, or undefined. */
export function judge(request: FuzzRequest, { status, headers, body }: WireAnswer): string | undefined {
  if (status >= 500 && status !== 501) return `status ${status}`;
  if (status < 400) return judgeSuccess(request, status, headers, body);
  if (!ID.test(headers.get('x-amzn-requestid') ?? '')) return 'no request id';
  const text = body.toString();
  // Only a request that is whole says whose it is.
  const forms = request.service === undefined ? Object.values(FORMS) : [FORMS[request.service]!, FORMS['lambda']!];
  if (!forms.some((form) => form(status, headers, text)))
    return `an error of status ${status} in no known form: ${text}`;
  return undefined;
}

function judgeSuccess(
  { service, operation }: FuzzRequest,
  status: number,
  headers: ReadonlyMap<string, string>,
  body: Buffer,
): string | undefined {
  if (service === undefined) return undefined;
  if (!ID.test(headers.get('x-amzn-requestid') ?? '')) return 'no request id';
  if (status === 204) return undefined;
  if (service === 'sts')
    return body.toString().includes(`<${operation}Response`) ? undefined : 'no XML of its operation';
  if (headers.get('content-type') === 'application/vnd.amazon.eventstream') return judgeEvents(body);
  return isJson(body.toString()) ? undefined : 'a body that is not JSON';
}

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString(),
  (text) => Buffer.from(text),
);

/** Whole events with the right checksums, of which the last one, and no other, says that it is. */
function judgeEvents(body: Buffer): string | undefined {
  const types: unknown[] = [];
  try {
    for (let at = 0; at < body.length;) {
      const next = at + body.readUInt32BE(at);
      types.push(codec.decode(body.subarray(at, next)).headers[':event-type']?.value);
      at = next;
    }
  } catch (error) {
    return `a broken event: ${(error as Error).message}`;
  }
  return types.indexOf('InvokeComplete') === types.length - 1 && types.length > 0 ? undefined : 'no end of the events';
}

type Form = (status: number, headers: ReadonlyMap<string, string>, text: string) => boolean;

const FORMS: Readonly<Record<string, Form>> = {
  lambda: (status, headers, text) => {
    const error = parsed(text);
    const name = headers.get('x-amzn-errortype') ?? '';
    if (status === 501 && name !== 'NotImplementedException') return false;
    const message = error?.['message'] ?? error?.['Message'];
    return (
      /^[A-Za-z]+$/.test(name) &&
      typeof message === 'string' &&
      (error?.['Type'] === 'User' || error?.['Type'] === 'Service')
    );
  },
  logs: (status, headers, text) => {
    const error = parsed(text);
    const name = error?.['__type'];
    if (status === 501 && name !== 'NotImplementedException') return false;
    return (
      typeof name === 'string' &&
      /^[A-Za-z]+$/.test(name) &&
      typeof (error?.['message'] ?? error?.['Message']) === 'string'
    );
  },
  sts: (_status, _headers, text) => /<Code>[A-Za-z]+<\/Code>[^]*<RequestId>[0-9a-f-]{36}<\/RequestId>/.test(text),
};

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    // Some other form.
    return undefined;
  }
}
