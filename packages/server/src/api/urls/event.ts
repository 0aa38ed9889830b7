import type { IncomingMessage } from 'node:http';
import type { ApiError } from '@hearth/protocol';
import { originForm } from './address.ts';
import { encodeLong, encodeShort, isShort, isText } from './event-body.ts';
import type { UrlTarget } from './targets.ts';

/** The caller that a signature names, as `requestContext.authorizer.iam` has it. */
export interface IamCaller {
  readonly accessKey: string;
  readonly accountId: string;
  readonly userArn: string;
  readonly userId: string;
}

/** What an event says beside the request itself. */
export interface EventContext {
  readonly target: UrlTarget;
  readonly requestId: string;
  /** `X-Amzn-Trace-Id`, the client's or a new one. */
  readonly traceId: string;
  /** Undefined where nobody had to sign. */
  readonly caller: IamCaller | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * The event of a request, in payload format 2.0, as bytes. Text and bytes are put together by hand, because every request
 * to a URL goes through here. Members that have nothing to say are left out, as AWS does.
 *
 * Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload; that AWS gives cookies
 * as headers too: https://github.com/aws/aws-lambda-web-adapter/issues/121; that it leaves the path encoded:
 * https://github.com/middleapi/standard-server/pull/93
 *
 * @param next called with the event, or with the error RequestTooLargeException.
 */
export function makeEvent(
  request: IncomingMessage,
  body: Buffer,
  context: EventContext,
  next: (error: ApiError | undefined, event: Buffer) => void,
): void {
  const head = eventHead(request, context);
  if (body.length === 0) {
    next(undefined, Buffer.from(`${head}"isBase64Encoded":false}`));
    return;
  }
  const { headers } = request;
  const text = isText(body, headers['content-type'], headers['content-encoding']);
  const end = `,"isBase64Encoded":${!text}}`;
  if (isShort(body)) {
    next(undefined, Buffer.from(`${head}"body":${encodeShort(body, text)}${end}`));
    return;
  }
  encodeLong(body, text, (error, pieces) => {
    if (error !== undefined) next(error, body);
    else next(undefined, Buffer.concat([Buffer.from(`${head}"body":`), ...pieces, Buffer.from(end)]));
  });
}

/** All but the body, as JSON text that goes on with another member. */
function eventHead(request: IncomingMessage, context: EventContext): string {
  const { target, requestId, now } = context;
  const { headers, socket } = request;
  const whole = originForm(request);
  const question = whole.indexOf('?');
  const path = JSON.stringify((question < 0 ? whole : whole.slice(0, question)).slice(target.prefix.length) || '/');
  const query = question < 0 ? '' : whole.slice(question + 1);
  const ip = sourceIp(socket.remoteAddress);
  const { id } = target.url;
  return (
    `{"version":"2.0","routeKey":"$default","rawPath":${path},"rawQueryString":${JSON.stringify(query)},` +
    `${cookieList(headers.cookie)}"headers":${eventHeaders(request, context, ip)},${queryParameters(query)}` +
    `"requestContext":{"accountId":"${context.caller === undefined ? 'anonymous' : target.url.function.account}",` +
    `"apiId":"${id}",${authorizer(context.caller)}` +
    `"domainName":${JSON.stringify(target.domainName)},"domainPrefix":"${id}",` +
    `"http":{"method":"${request.method!}","path":${path},"protocol":"HTTP/${request.httpVersion}",` +
    `"sourceIp":"${ip}","userAgent":${JSON.stringify(headers['user-agent'] ?? '')}},` +
    `"requestId":"${requestId}","routeKey":"$default","stage":"$default",` +
    `"time":"${logTime(now)}","timeEpoch":${now}},`
  );
}

/** Of one connection only, or said by the server itself. */
const LEFT_OUT = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-amzn-trace-id',
  'x-forwarded-for',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
]);

/** With them one could act as the caller for as long as they are good. */
const CREDENTIALS = new Set(['authorization', 'x-amz-security-token']);

/** Names in lower case; values of a name that came more than once are joined by commas. */
function eventHeaders(request: IncomingMessage, { target, traceId, caller }: EventContext, ip: string): string {
  let text =
    `{"x-amzn-trace-id":${JSON.stringify(traceId)},"x-forwarded-for":"${ip}",` +
    `"x-forwarded-port":"${target.port}","x-forwarded-proto":"http"`;
  if (target.prefix !== '') text += `,"x-forwarded-prefix":"${target.prefix}"`;
  const add = (name: string, value: string) => {
    if (LEFT_OUT.has(name) || (caller !== undefined && CREDENTIALS.has(name))) return;
    // Of the characters of a header's name none means anything in JSON (RFC 9110, section 5.6.2).
    text += `,"${name}":${JSON.stringify(value)}`;
  };
  const { headers, rawHeaders } = request;
  const names = Object.keys(headers);
  if (2 * names.length === rawHeaders.length) for (const name of names) add(name, String(headers[name]));
  else for (const [name, value] of joined(rawHeaders)) add(name, value);
  return `${text}}`;
}

/** Headers some of which came more than once. Cookies are one list, whatever it is broken into. */
function joined(rawHeaders: readonly string[]): Map<string, string> {
  const all = new Map<string, string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    const value = rawHeaders[index + 1]!;
    const before = all.get(name);
    all.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ','}${value}`);
  }
  return all;
}

function cookieList(cookie: string | undefined): string {
  if (cookie === undefined) return '';
  const cookies = cookie
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return `"cookies":${JSON.stringify(cookies)},`;
}

/** Decoded; values of a name that came more than once are joined by commas. */
function queryParameters(query: string): string {
  if (query === '') return '';
  const all = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const before = all.get(name);
    all.set(name, before === undefined ? value : `${before},${value}`);
  }
  const members = Array.from(all, ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return `"queryStringParameters":{${members.join(',')}},`;
}

function authorizer(caller: IamCaller | undefined): string {
  if (caller === undefined) return '';
  const { accessKey, accountId, userArn, userId } = caller;
  const iam = { accessKey, accountId, callerId: userId, cognitoIdentity: null, principalOrgId: null, userArn, userId };
  return `"authorizer":{"iam":${JSON.stringify(iam)}},`;
}

/** @param address as the socket has it; undefined on a connection from a sandbox, which has none. */
function sourceIp(address = '127.0.0.1'): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';
let second = -1;
let secondText = '';

/** As `12/Mar/2020:19:03:58 +0000`; made once a second. */
function logTime(now: number): string {
  const current = Math.floor(now / 1000);
  if (current !== second) {
    const iso = new Date(current * 1000).toISOString();
    const month = 3 * (Number(iso.slice(5, 7)) - 1);
    secondText = `${iso.slice(8, 10)}/${MONTHS.slice(month, month + 3)}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
    second = current;
  }
  return secondText;
}
