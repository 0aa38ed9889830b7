/** From a seed to the bytes of a request. */
import type { NormalizedSchema } from '@smithy/core/schema';
import { OPERATIONS } from './model.ts';
import type { Operation } from './model.ts';
import { Random } from './random.ts';
import { structure, TEXTS, textOf } from './values.ts';
import type { Temper } from './values.ts';

export interface FuzzRequest {
  /** What the request is meant to be, for the report. */
  readonly category: string;
  /** In what form errors are expected; undefined where nobody can know whose it is. */
  readonly service: string | undefined;
  readonly operation: string;
  readonly method: string;
  /** Who signs it: a request that undoes what it did has to be signed alike. */
  readonly authorization: string;
  readonly bytes: Buffer;
  /** What becomes of the connection: it is used on, or ended behind the request, or broken off by the client. */
  readonly connection: 'keep' | 'close' | 'abort';
}

const ACCOUNTS = ['000000000000', '111111111111', 'AKIDEXAMPLE'];
const REGIONS = ['us-east-1', 'us-east-1', 'eu-west-1'];

function authorizationOf(random: Random, service: string): string {
  const scope = `${random.pick(ACCOUNTS)}/20260101/${random.pick(REGIONS)}/${service}/aws4_request`;
  return `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=${'0'.repeat(64)}`;
}

interface Message {
  method: string;
  target: string;
  headers: [string, string][];
  body: Buffer;
}

/** The `index`th request of a seed, always the same. */
export function generate(seed: number, index: number): FuzzRequest {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index, 0x85ebca6b));
  const kind = random.next();
  if (kind < 0.05) return garbage(random);
  const temper: Temper = random.pick(['valid', 'near', 'near', 'hostile']);
  const operation = random.chance(0.8) ? random.pick(BUILT) : random.pick(OPERATIONS);
  const authorization = authorizationOf(random, operation.service);
  const message = messageOf(random, operation, temper, authorization);
  const { service, name } = operation;
  const request = (category: string, bytes: Buffer, connection: FuzzRequest['connection'] = 'keep'): FuzzRequest => ({
    category,
    service: category === 'path' || category === 'broken' ? undefined : service,
    operation: name,
    method: message.method,
    authorization,
    bytes,
    connection,
  });
  if (kind < 0.1) return request('broken', broken(random, encode(message)), 'close');
  if (kind < 0.13)
    return request('aborted', encode(message).subarray(0, 1 + random.below(encode(message).length)), 'abort');
  if (kind < 0.2) {
    message.body = hostileBody(random, message.body);
    return request('body', encode(message));
  }
  if (kind < 0.27) {
    message.target = hostileTarget(random, message.target);
    return request('path', encode(message));
  }
  if (kind < 0.32) {
    const added = hostileHeaders(random);
    message.headers.push(...added);
    // Where it ends may be another matter than how long it is.
    const framed = !added.some(([header]) => header === 'transfer-encoding' || header === 'content-length');
    return request('headers', encode(message), framed ? 'keep' : 'close');
  }
  return request(temper, encode(message));
}

/** The operations that do something; the others are only answered by name. */
const BUILT = OPERATIONS.filter(
  ({ name }) =>
    /^(Create|Delete|Get|List|Update)Functions?(Code|Configuration|Concurrency)?$/.test(name) ||
    /^(PutFunctionConcurrency|Invoke|InvokeWithResponseStream|GetAccountSettings|(Tag|Untag)(Resource|LogGroup))$/.test(
      name,
    ) ||
    /^((Create|Delete)Log(Group|Stream)|DescribeLog(Groups|Streams)|(Get|Filter|Put)LogEvents)$/.test(name) ||
    /^((Put|Delete)RetentionPolicy|ListTags(ForResource|LogGroup)?)$/.test(name) ||
    /^(GetCallerIdentity|AssumeRole|GetSessionToken)$/.test(name),
);

function messageOf(random: Random, operation: Operation, temper: Temper, authorization: string): Message {
  const input = structure(random, operation.input, temper);
  const headers: [string, string][] = [
    ['host', 'localhost:4566'],
    ['authorization', authorization],
  ];
  if (operation.protocol === 'query') {
    const form = new URLSearchParams({ Action: operation.name, Version: '2011-06-15' });
    for (const [name, value] of Object.entries(input)) form.append(name, textOf(value));
    headers.push(['content-type', 'application/x-www-form-urlencoded']);
    return { method: 'POST', target: '/', headers, body: Buffer.from(form.toString()) };
  }
  if (operation.protocol === 'aws-json') {
    headers.push(['content-type', 'application/x-amz-json-1.1'], ['x-amz-target', `Logs_20140328.${operation.name}`]);
    return { method: 'POST', target: '/', headers, body: Buffer.from(JSON.stringify(input)) };
  }
  return restMessage(random, operation, input, headers);
}

function restMessage(
  random: Random,
  { method, uri, input: schema, name: operation }: Operation,
  input: Record<string, unknown>,
  headers: [string, string][],
): Message {
  const [path, fixed] = uri.split('?') as [string, string?];
  const query = new URLSearchParams(fixed);
  const document: Record<string, unknown> = {};
  let body: Buffer | undefined;
  let target = path;
  const members: Iterable<[string, NormalizedSchema]> = schema.structIterator();
  for (const [name, member] of members) {
    const value = input[name];
    const { httpLabel, httpQuery, httpHeader, httpPayload } = member.getMergedTraits();
    if (httpLabel) target = target.replace(`{${name}}`, encodeURIComponent(textOf(value ?? 'missing').toWellFormed()));
    else if (value === undefined) continue;
    else if (typeof httpQuery === 'string') for (const item of [value].flat()) query.append(httpQuery, textOf(item));
    else if (typeof httpHeader === 'string') headers.push([httpHeader, textOf(value)]);
    else if (httpPayload) body = Buffer.from(textOf(value));
    else document[name] = value;
  }
  if (/^Invoke(WithResponseStream)?$/.test(operation)) {
    target = target.replace(/fuzz-[abc]/, random.chance(0.2) ? 'echo' : '$&');
    body = Buffer.from(random.chance(0.8) ? '{"a":1}' : textOf(input['Payload']));
  }
  const search = query.size === 0 ? '' : `?${query.toString()}`;
  body ??= Object.keys(document).length === 0 ? Buffer.alloc(0) : Buffer.from(JSON.stringify(document));
  headers.push(['content-type', 'application/json']);
  return { method, target: target + search, headers, body };
}

/** Line ends would end a header: a client that writes them writes another request. */
function encode({ method, target, headers, body }: Message): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value.replaceAll(/[\r\n\0]/g, ' ')}`);
  if (body.length > 0 || method !== 'GET') lines.push(`content-length: ${body.length}`);
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`), body]);
}

function garbage(random: Random): FuzzRequest {
  const bytes = random.pick([
    () => random.bytes(1 + random.below(300)),
    () => Buffer.from(`${random.pick(TEXTS)} ${random.pick(TEXTS)} HTTP/1.1\r\n\r\n`),
    () => Buffer.from(`GET / HTTP/${random.below(10)}.${random.below(10)}\r\nHost: localhost\r\n\r\n`),
    () => Buffer.from(`\r\n`.repeat(random.below(1_000))),
    () => Buffer.from(`GET /${'a'.repeat(random.below(40_000))} HTTP/1.1\r\nHost: localhost\r\n\r\n`),
    () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    () => Buffer.concat([Buffer.from('\u0016\u0003\u0001', 'latin1'), random.bytes(200)]),
    () =>
      Buffer.from(
        `POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${random.bytes(50).toString('latin1')}`,
      ),
  ])();
  return {
    category: 'garbage',
    service: undefined,
    operation: 'none',
    method: '',
    authorization: '',
    bytes,
    connection: 'close',
  };
}

/** A request with some bytes of it changed, taken out, put in twice or moved. */
function broken(random: Random, bytes: Buffer): Buffer {
  const result = Buffer.from(bytes);
  for (let change = random.below(6); change >= 0; change--) {
    const at = random.below(result.length);
    const to = random.below(result.length);
    if (random.chance(0.7)) result[at] = random.below(256);
    else result.copyWithin(at, to, Math.min(result.length, to + random.below(40)));
  }
  return random.chance(0.3) ? result.subarray(0, 1 + random.below(result.length)) : result;
}

function hostileBody(random: Random, body: Buffer): Buffer {
  const text = body.toString();
  return random.pick([
    () => body.subarray(0, random.below(body.length + 1)),
    () => Buffer.from(`[${text}]`),
    () => Buffer.from(`${text}${text}`),
    () => Buffer.from('['.repeat(random.below(20_000))),
    () => Buffer.from('{"a":'.repeat(random.below(5_000))),
    () => Buffer.from(text.replace('{', '{"__proto__":{"Role":"x"},')),
    () => Buffer.from(text.replace('{', '{"FunctionName":1,')),
    () => random.bytes(random.below(200)),
    () => Buffer.from(JSON.stringify(random.pick(TEXTS))),
    () => Buffer.from('1e999'),
    () => Buffer.from(text.replaceAll(/:\d+/g, ':1e999')),
    () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]),
    () => Buffer.from(text, 'utf16le'),
    () => Buffer.from(' '.repeat(100_000)),
    () => Buffer.from('"'.repeat(random.below(50_000))),
  ])();
}

function hostileTarget(random: Random, target: string): string {
  const text = random.pick(TEXTS).toWellFormed();
  return random.pick([
    () => target.replace(/[^/?]+(?=\?|$)/, encodeURIComponent(text)),
    () => target.replaceAll('/', '//'),
    () => target.replaceAll('/', '/./'),
    () => `/..${target}`,
    () => `${target}/../../x`,
    () => target.replaceAll('/', '%2f'),
    () => `http://localhost:4566${target}`,
    () => '*',
    () => `${target}?${'a=b&'.repeat(random.below(1_000))}`,
    () => `${target}?Qualifier=${encodeURIComponent(text)}`,
    () => `${target}%`,
    () => `${target}%c0%ae%ff`,
    () => target.replace('functions', 'f%75nctions'),
    () => `${target}#fragment`,
    () =>
      `/_hearth/${random.pick(['fleet', 'invocations/', 'logs/', 'metrics', 'code/', 'nothing'])}${encodeURIComponent(text)}`,
    () => `/_hearth/logs/echo?since=${encodeURIComponent(text)}`,
    () => `/${'%41'.repeat(random.below(4_000))}`,
  ])();
}

function hostileHeaders(random: Random): [string, string][] {
  const text = random.pick(TEXTS);
  return random.pick<() => [string, string][]>([
    () => [['x-amz-client-context', text]],
    () => [['x-amz-client-context', Buffer.from('{"a":'.repeat(random.below(400))).toString('base64')]],
    () => [['x-amz-invocation-type', text]],
    () => [['x-amz-log-type', text]],
    () => [['x-amzn-trace-id', text]],
    () => [['x-amz-target', text]],
    () => [['expect', random.pick(['100-continue', 'nothing'])]],
    () => [['content-length', '0']],
    () => [['transfer-encoding', random.pick(['chunked', 'gzip', 'identity', 'chunked, chunked'])]],
    () => [['content-encoding', 'gzip']],
    () => [
      ['upgrade', 'websocket'],
      ['connection', 'upgrade'],
    ],
    () => [['connection', random.pick(['close', 'keep-alive', 'x'])]],
    () => [['host', random.pick(['evil.example', '', 'localhost', '[', 'a b'])]],
    () => [['authorization', text]],
    () => [['origin', text]],
    () => [
      ['content-type', random.pick(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', text])],
    ],
    () => Array.from({ length: random.below(400) }, (_, index): [string, string] => [`x-${index}`, 'y']),
    () => [['x-long', 'y'.repeat(random.below(30_000))]],
    () => [['x-latin', 'é\u0080\u00ff']],
  ])();
}

/** A request as something to paste into a shell. */
export function reproduction(port: number, bytes: Buffer): string {
  const escaped = [...bytes]
    .map((byte) => {
      const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c && byte !== 0x27 && byte !== 0x25;
      return plain ? String.fromCodePoint(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
  return `printf '${escaped}' | curl -s telnet://127.0.0.1:${port}`;
}
