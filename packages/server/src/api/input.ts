import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from '@hearth/protocol';
import type { Member, Operation, Shape, Structure } from './model.ts';

/** A request in parts. */
export interface RequestParts {
  readonly labels: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * The input of an operation, as the SDK's types describe it. Members of the body that the model doesn't have are left
 * out, as AWS does.
 *
 * Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
 *
 * @throws ApiError SerializationException for a body that isn't JSON, or a member of the wrong type.
 */
export function readInput(operation: Operation, parts: RequestParts): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  let document: Record<string, unknown> | undefined;
  for (const member of operation.input.members.values()) {
    let value: unknown;
    if (member.location === 'body') {
      document ??= readDocument(parts.body);
      value = readMember(member, document);
    } else if (member.location === 'payload') {
      value = parts.body.length === 0 ? undefined : readPayload(member, parts.body);
    } else {
      value = readText(member, parts);
    }
    if (value !== undefined) input[member.name] = value;
  }
  return input;
}

function readDocument(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  let document: unknown;
  try {
    document = JSON.parse(body.toString());
  } catch (cause) {
    throw new ApiError('SerializationException', 'The body of the request is not JSON.', { cause });
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new ApiError('SerializationException', 'The body of the request is not a JSON object.');
  }
  return document as Record<string, unknown>;
}

function readPayload(member: Member, body: Buffer): unknown {
  return member.shape.kind === 'structure' ? readStructure(member.shape, readDocument(body), '') : body;
}

/** A member of the path, the query or the headers, where everything is text. */
function readText(member: Member, { labels, query, headers }: RequestParts): unknown {
  switch (member.location) {
    case 'label':
      return labels.get(member.wireName);
    case 'header': {
      const value = headers[member.wireName];
      return value === undefined ? undefined : fromText(member, String(value));
    }
    default: {
      if (member.shape.kind === 'list') {
        const values = query.getAll(member.wireName);
        return values.length > 0 ? values : undefined;
      }
      const value = query.get(member.wireName);
      return value === null ? undefined : fromText(member, value);
    }
  }
}

function fromText(member: Member, text: string): unknown {
  switch (member.shape.kind) {
    case 'number': {
      const value = Number(text);
      if (text.trim() === '' || Number.isNaN(value)) throw wrongType(member.name, 'a number');
      return value;
    }
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw wrongType(member.name, 'true or false');
      return text === 'true';
    case 'timestamp':
      return new Date(text);
    default:
      return text;
  }
}

function readMember(member: Member, document: Record<string, unknown>): unknown {
  // Own properties only: a body must not reach the prototype's.
  if (!Object.hasOwn(document, member.wireName)) return undefined;
  return readValue(member.shape, document[member.wireName], member.name);
}

function readStructure(structure: Structure, document: Record<string, unknown>, path: string): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const member of structure.members.values()) {
    if (!Object.hasOwn(document, member.wireName)) continue;
    const value = readValue(
      member.shape,
      document[member.wireName],
      path === '' ? member.name : `${path}.${member.name}`,
    );
    if (value !== undefined) result[member.name] = value;
  }
  return result;
}

function readValue(shape: Shape, value: unknown, path: string): unknown {
  if (value === null || value === undefined) return undefined;
  switch (shape.kind) {
    case 'string':
      if (typeof value !== 'string') throw wrongType(path, 'a string');
      return value;
    case 'number':
      if (typeof value !== 'number') throw wrongType(path, 'a number');
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw wrongType(path, 'true or false');
      return value;
    case 'timestamp':
      if (typeof value !== 'number') throw wrongType(path, 'a number of seconds');
      return new Date(value * 1000);
    case 'blob':
      if (typeof value !== 'string' || !isBase64(value)) throw wrongType(path, 'base64');
      return Buffer.from(value, 'base64');
    case 'document':
      return value;
    case 'list':
      if (!Array.isArray(value)) throw wrongType(path, 'a list');
      return value.map((item, index) => readValue(shape.value, item, `${path}[${index}]`));
    case 'map':
      if (!isObject(value)) throw wrongType(path, 'an object');
      return Object.fromEntries(
        Object.entries(value)
          .filter(([, item]) => item !== null)
          .map(([key, item]) => [key, readValue(shape.value, item, `${path}.${key}`)]),
      );
    case 'structure':
      if (!isObject(value)) throw wrongType(path, 'an object');
      return readStructure(shape, value, path);
  }
}

/** Whether text is base64; its first characters tell, for a package may be 70 MB and `Buffer.from` skips the rest. */
function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/=\s_-]*$/.test(text.length > 4096 ? text.slice(0, 4096) : text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrongType(path: string, expected: string): ApiError {
  return new ApiError('SerializationException', `The value of ${path} is not ${expected}.`);
}
