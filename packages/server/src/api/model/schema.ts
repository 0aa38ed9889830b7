/**
 * An AWS service's API as its AWS SDK for JavaScript describes it. This is the one file that knows how the SDK's schema
 * objects are built; the rest of the room reads the plain descriptions below.
 *
 * Source of the schemas' form: @smithy/types, `schema/static-schemas.d.ts`, `schema.d.ts` and `traits.d.ts`.
 */

export type Shape =
  | { readonly kind: 'string' | 'boolean' | 'number' | 'timestamp' | 'blob' | 'document' }
  | { readonly kind: 'list' | 'map'; readonly value: Shape }
  | Structure;

export interface Structure {
  readonly kind: 'structure';
  readonly name: string;
  readonly union: boolean;
  /** By name. Filled when first read, because structures may hold themselves. */
  readonly members: ReadonlyMap<string, Member>;
}

/** Where in an HTTP message a member travels; always the body where the service's operations have no HTTP binding. */
export type Location = 'body' | 'label' | 'header' | 'query' | 'payload' | 'status';

export interface Member {
  readonly name: string;
  readonly shape: Shape;
  readonly location: Location;
  /** Name of the header (lower case) or query parameter; elsewhere the member's own. */
  readonly wireName: string;
}

export interface Operation {
  readonly name: string;
  readonly input: Structure;
  readonly output: Structure;
  /** Undefined in services whose operations all share one method and path. */
  readonly http: HttpBinding | undefined;
}

/** Method, path and status of an operation. */
export interface HttpBinding {
  readonly method: string;
  /** Of the path; `{Name}` stands for a member. */
  readonly segments: readonly string[];
  /** Query parameters that the operation's URI itself has. */
  readonly query: ReadonlyMap<string, string>;
  /** HTTP status of success. */
  readonly status: number;
}

/** An error as the model has it. */
export interface ModelledError {
  /** The name over the wire; some differ from the error's in services of the query protocol. */
  readonly code: string;
  /** Of the answer: where the model doesn't say, 400 for what the caller can change and 500 for what it can't. */
  readonly status: number;
  /** `message` or `Message`: which one differs from error to error. */
  readonly messageMember: string;
  readonly members: readonly string[];
}

const KIND = { simple: 0, list: 1, map: 2, structure: 3, union: 4, error: -3, operation: 9 } as const;
/** Bits of a numeric trait set that say where a member travels. */
const TRAIT = { label: 1, payload: 16, status: 32 } as const;
/** Bits added to a simple schema's number. */
const MODIFIER = { list: 0x40, map: 0x80 } as const;
const SIMPLE: Readonly<Record<number, Shape>> = {
  0b0000_0000: { kind: 'string' },
  0b0000_0001: { kind: 'number' },
  0b0000_0010: { kind: 'boolean' },
  0b0000_0100: { kind: 'timestamp' },
  0b0000_0101: { kind: 'timestamp' },
  0b0000_0110: { kind: 'timestamp' },
  0b0000_0111: { kind: 'timestamp' },
  0b0000_1111: { kind: 'document' },
  0b0001_0101: { kind: 'blob' },
  0b0010_1010: { kind: 'blob' },
};

type Traits = number | Readonly<Record<string, unknown>>;
// A static schema is a tuple that begins with its kind; `unknown` because the SDK's own types leave its parts open.
type Raw = readonly unknown[];

const EMPTY: Structure = { kind: 'structure', name: 'Unit', union: false, members: new Map() };
const known = new Map<unknown, Shape>();

function shapeOf(reference: unknown): Shape {
  const schema = typeof reference === 'function' ? (reference as () => unknown)() : reference;
  if (typeof schema === 'number') return simpleShape(schema);
  if (schema === 'unit') return EMPTY;
  const found = known.get(schema);
  if (found !== undefined) return found;
  const shape = readShape(schema as Raw);
  known.set(schema, shape);
  return shape;
}

function simpleShape(schema: number): Shape {
  if ((schema & MODIFIER.map) !== 0) return { kind: 'map', value: simpleShape(schema & ~MODIFIER.map) };
  if ((schema & MODIFIER.list) !== 0) return { kind: 'list', value: simpleShape(schema & ~MODIFIER.list) };
  const shape = SIMPLE[schema];
  if (shape === undefined) throw new Error(`the AWS SDK has a simple schema ${schema} that is not known here`);
  return shape;
}

function readShape(schema: Raw): Shape {
  switch (schema[0]) {
    case KIND.simple:
      return shapeOf(schema[4]);
    case KIND.list:
      return { kind: 'list', value: memberShape(schema[4]) };
    case KIND.map:
      return { kind: 'map', value: memberShape(schema[5]) };
    case KIND.structure:
    case KIND.union:
    case KIND.error:
      return readStructure(schema);
    default:
      throw new Error(`the AWS SDK has a schema of kind ${String(schema[0])} that is not known here`);
  }
}

function readStructure(schema: Raw): Structure {
  let members: Map<string, Member> | undefined;
  return {
    kind: 'structure',
    name: schema[2] as string,
    union: schema[0] === KIND.union,
    get members() {
      members ??= readMembers(schema[4] as readonly string[], schema[5] as readonly unknown[]);
      return members;
    },
  };
}

function readMembers(names: readonly string[], schemas: readonly unknown[]): Map<string, Member> {
  return new Map(
    names.map((name, index) => {
      const schema = schemas[index];
      return [name, { name, shape: memberShape(schema), ...binding(name, traitsOf(schema)) }];
    }),
  );
}

/** A member is a schema, or a pair of a schema and traits; no schema that stands for itself has two parts. */
function isPair(schema: unknown): schema is readonly [unknown, Traits] {
  return Array.isArray(schema) && schema.length === 2;
}

function memberShape(schema: unknown): Shape {
  return shapeOf(isPair(schema) ? schema[0] : schema);
}

function traitsOf(schema: unknown): Traits {
  return isPair(schema) ? schema[1] : 0;
}

function binding(name: string, traits: Traits): { location: Location; wireName: string } {
  if (typeof traits === 'number') {
    if ((traits & TRAIT.label) !== 0) return { location: 'label', wireName: name };
    if ((traits & TRAIT.payload) !== 0) return { location: 'payload', wireName: name };
    if ((traits & TRAIT.status) !== 0) return { location: 'status', wireName: name };
    return { location: 'body', wireName: name };
  }
  const { httpHeader, httpQuery } = traits;
  if (typeof httpHeader === 'string') return { location: 'header', wireName: httpHeader.toLowerCase() };
  if (typeof httpQuery === 'string') return { location: 'query', wireName: httpQuery };
  return { location: 'body', wireName: name };
}

function readOperation(schema: Raw): Operation {
  return {
    name: schema[2] as string,
    input: shapeOf(schema[4]) as Structure,
    output: shapeOf(schema[5]) as Structure,
    http: readBinding(schema[3] as Traits),
  };
}

function readBinding(traits: Traits): HttpBinding | undefined {
  if (typeof traits === 'number' || !Array.isArray(traits['http'])) return undefined;
  const [method, uri, status] = traits['http'] as [string, string, number];
  const [path, query] = uri.split('?');
  return { method, segments: path!.split('/').slice(1), query: new Map(new URLSearchParams(query)), status };
}

interface ErrorTraits {
  readonly error: 'client' | 'server';
  readonly httpError?: number;
  readonly awsQueryError?: readonly [string, number];
}

function readError(schema: Raw): ModelledError {
  const members = schema[4] as readonly string[];
  const { error, httpError, awsQueryError } = schema[3] as ErrorTraits;
  return {
    code: awsQueryError?.[0] ?? (schema[2] as string),
    status: awsQueryError?.[1] ?? httpError ?? (error === 'client' ? 400 : 500),
    messageMember: members.find((member) => member.toLowerCase() === 'message') ?? 'message',
    members,
  };
}

/** A service's API, everything by name. */
export interface ServiceModel {
  readonly operations: ReadonlyMap<string, Operation>;
  readonly errors: ReadonlyMap<string, ModelledError>;
  /** All structures that the SDK exports. */
  readonly structures: ReadonlyMap<string, Structure>;
}

/** @param sdk the module of a service's client, as `import * as sdk` gives it. */
export function readModel(sdk: object): ServiceModel {
  const schemas = Object.values(sdk).filter((value): value is Raw => Array.isArray(value));
  const named = <T>(wanted: (schema: Raw) => boolean, read: (schema: Raw) => T): ReadonlyMap<string, T> =>
    new Map(schemas.filter(wanted).map((schema) => [schema[2] as string, read(schema)]));
  return {
    operations: named((schema) => schema[0] === KIND.operation, readOperation),
    errors: named((schema) => schema[0] === KIND.error && typeof schema[3] === 'object', readError),
    structures: named(
      (schema) => [KIND.structure, KIND.union, KIND.error].includes(schema[0] as 3),
      (schema) => shapeOf(schema) as Structure,
    ),
  };
}
