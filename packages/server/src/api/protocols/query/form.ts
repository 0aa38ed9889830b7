import { ApiError } from '@hearth/protocol';
import type { Shape, Structure } from '../../model/schema.ts';

/** Names with more parts than this belong to no input: the deepest of AWS's has about ten. */
const DEEPEST = 32;

/** A part of a form's names, which form a tree: `Tags.member.1.Key`. */
interface Node {
  value: string | undefined;
  readonly parts: Map<string, Node>;
}

/**
 * The input of an operation from a form. Names that the model doesn't have are left out.
 *
 * Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#query-key-resolution
 *
 * @throws ApiError SerializationException for a value of the wrong type, which is named.
 */
export function readForm(structure: Structure, form: URLSearchParams): Record<string, unknown> {
  const root: Node = { value: undefined, parts: new Map() };
  for (const [name, value] of form) {
    const parts = name.split('.', DEEPEST + 1);
    if (parts.length <= DEEPEST) descend(root, parts).value ??= value;
  }
  return readStructure(structure, root, '');
}

function descend(root: Node, parts: readonly string[]): Node {
  let node = root;
  for (const part of parts) {
    let next = node.parts.get(part);
    if (next === undefined) {
      next = { value: undefined, parts: new Map() };
      node.parts.set(part, next);
    }
    node = next;
  }
  return node;
}

function readStructure(structure: Structure, node: Node, path: string): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const member of structure.members.values()) {
    const part = node.parts.get(member.wireName);
    if (part === undefined) continue;
    const value = readValue(member.shape, part, path === '' ? member.wireName : `${path}.${member.wireName}`);
    if (value !== undefined) result[member.name] = value;
  }
  return result;
}

function readValue(shape: Shape, node: Node, path: string): unknown {
  switch (shape.kind) {
    case 'structure':
      return readStructure(shape, node, path);
    case 'list':
      return items(node, 'member').map((item, index) => readValue(shape.value, item, `${path}.member.${index + 1}`));
    case 'map':
      return Object.fromEntries(
        items(node, 'entry').map((item, index) => [
          item.parts.get('key')?.value ?? '',
          readValue(shape.value, item.parts.get('value') ?? NOTHING, `${path}.entry.${index + 1}.value`),
        ]),
      );
    default:
      return node.value === undefined ? undefined : readText(shape.kind, node.value, path);
  }
}

const NOTHING: Node = { value: undefined, parts: new Map() };

/** The elements of a list or map, by their numbers; gaps are closed. An empty list is sent as an empty value. */
function items(node: Node, wrapper: string): Node[] {
  return [...(node.parts.get(wrapper)?.parts ?? [])]
    .filter(([number]) => /^\d{1,6}$/.test(number))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, item]) => item);
}

function readText(kind: Shape['kind'], text: string, path: string): unknown {
  switch (kind) {
    case 'number': {
      const value = Number(text);
      if (text.trim() === '' || !Number.isFinite(value)) throw wrongType(path, 'a number');
      return value;
    }
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw wrongType(path, 'true or false');
      return text === 'true';
    case 'timestamp': {
      const value = new Date(text);
      if (Number.isNaN(value.getTime())) throw wrongType(path, 'a date and time, as 2026-11-21T15:16:42Z');
      return value;
    }
    case 'blob':
      return Buffer.from(text, 'base64');
    default:
      return text;
  }
}

function wrongType(path: string, expected: string): ApiError {
  return new ApiError('SerializationException', `The value of ${path} is not ${expected}.`);
}
