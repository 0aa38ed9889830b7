import { ApiError } from '@hearth/protocol';
import type { Shape, Structure } from '../model/schema.ts';
import { LongString } from '../request-body.ts';
import type { RequestBody } from '../request-body.ts';

// Values as AWS's JSON protocols write them; from untrusted JSON to the form of the SDK's types and back.

/**
 * The JSON object that a body holds; an empty body is one without members.
 *
 * @throws ApiError SerializationException
 */
export function readDocument(body: RequestBody): Record<string, unknown> {
  if (body.length === 0) return {};
  let document: unknown;
  try {
    document = body.json();
  } catch (cause) {
    throw new ApiError('SerializationException', 'The body of the request is not JSON.', { cause });
  }
  if (!isObject(document)) {
    throw new ApiError('SerializationException', 'The body of the request is not a JSON object.');
  }
  return document;
}

/** The last moment that a date can be, in seconds since the epoch. */
const LAST_SECOND = 8.64e12;

/** @param path of the structure, for messages; empty for the document itself. */
export function readStructure(
  structure: Structure,
  document: Record<string, unknown>,
  path: string,
): Record<string, unknown> {
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

/** @throws ApiError SerializationException that names the path. */
export function readValue(shape: Shape, value: unknown, path: string): unknown {
  if (value === null || value === undefined) return undefined;
  switch (shape.kind) {
    case 'string':
      if (value instanceof LongString) return value.text();
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
      if (!(Math.abs(value) <= LAST_SECOND)) throw wrongType(path, 'a number of seconds that is a date');
      return new Date(value * 1000);
    case 'blob':
      if (value instanceof LongString && value.decoded !== undefined) return value.decoded;
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

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/=\s_-]*$/.test(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof LongString);
}

export function wrongType(path: string, expected: string): ApiError {
  return new ApiError('SerializationException', `The value of ${path} is not ${expected}.`);
}

/** A value in the form of the SDK's types as JSON has it. */
export function writeValue(shape: Shape, value: unknown): unknown {
  if (value === undefined || value === null) return undefined;
  switch (shape.kind) {
    case 'timestamp':
      return (value as Date).getTime() / 1000;
    case 'blob':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'list':
      return (value as readonly unknown[]).map((item) => writeValue(shape.value, item));
    case 'map':
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, writeValue(shape.value, item)]));
    case 'structure': {
      const document: Record<string, unknown> = {};
      for (const member of shape.members.values()) {
        const item = writeValue(member.shape, (value as Record<string, unknown>)[member.name]);
        if (item !== undefined) document[member.wireName] = item;
      }
      return document;
    }
    default:
      return value;
  }
}
