import type { Member, Operation } from '../../model/schema.ts';
import { readDocument, readStructure, readValue, wrongType } from '../json-values.ts';
import type { RequestBody } from '../../request-body.ts';
import type { RequestHead } from '../protocol.ts';

/** A request in parts. */
export interface RequestParts extends RequestHead {
  readonly labels: ReadonlyMap<string, string>;
  readonly body: RequestBody;
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

function readPayload(member: Member, body: RequestBody): unknown {
  return member.shape.kind === 'structure' ? readStructure(member.shape, readDocument(body), '') : body.bytes;
}

/** A member of the path, the query or the headers, where everything is text. */
function readText(member: Member, { labels, query, headers }: RequestParts): unknown {
  switch (member.location) {
    case 'label': {
      const value = labels.get(member.wireName);
      return value === undefined ? undefined : fromText(member, value);
    }
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
