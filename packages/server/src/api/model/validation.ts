import { ApiError } from '@hearth/protocol';
import type { ErrorCode } from '@hearth/protocol';
import { wholePattern } from './constraints.ts';
import type { Constraint, Constraints } from './constraints.ts';

/** Text longer than this is not held against a pattern: it is too long anyway, and its length is reported. */
const LONGEST_MATCHED = 20_000;

/** Characters of a value in a message. */
const LONGEST_SHOWN = 2_000;

export interface ValidatorOptions {
  /** What the service answers where a constraint is broken. */
  readonly error: ErrorCode;
  /** Shapes whose values are checked where they are used, because AWS answers them with another error. */
  readonly checkedElsewhere?: readonly string[];
}

/** Holds the inputs of a service's operations against the constraints of AWS's model. */
export class Validator {
  readonly #constraints: Constraints;
  readonly #error: ErrorCode;
  readonly #skipped: ReadonlySet<string>;

  constructor(constraints: Constraints, { error, checkedElsewhere = [] }: ValidatorOptions) {
    this.#constraints = constraints;
    this.#error = error;
    this.#skipped = new Set(checkedElsewhere);
  }

  /**
   * @param shape name of the input's shape.
   * @throws ApiError with AWS's texts, all violations in one.
   */
  check(shape: string, input: Readonly<Record<string, unknown>>): void {
    const found: string[] = [];
    this.#checkMembers(this.#constraints.get(shape), input, '', found);
    if (found.length === 0) return;
    const count = `${found.length} validation error${found.length === 1 ? '' : 's'} detected`;
    throw new ApiError(this.#error, `${count}: ${found.join('; ')}`);
  }

  #checkMembers(
    structure: Constraint | undefined,
    value: Readonly<Record<string, unknown>>,
    prefix: string,
    found: string[],
  ): void {
    for (const [member, shape] of Object.entries(structure?.members ?? {})) {
      const path = `${prefix}${member[0]!.toLowerCase()}${member.slice(1)}`;
      const item = value[member];
      if (item !== undefined) this.#check(shape, item, path, found);
      else if (structure?.required?.includes(member)) {
        found.push(`Value null at '${path}' failed to satisfy constraint: Member must not be null`);
      }
    }
  }

  #check(shape: string, value: unknown, path: string, found: string[]): void {
    const constraint = this.#constraints.get(shape);
    if (constraint === undefined || this.#skipped.has(shape)) return;
    checkInteger(constraint, value, path);
    for (const [violated, text] of rules(constraint, value)) {
      if (violated) found.push(`${this.#told(constraint, value)} at '${path}' failed to satisfy constraint: ${text}`);
    }
    switch (constraint.type) {
      case 'structure':
        this.#checkMembers(constraint, value as Record<string, unknown>, `${path}.`, found);
        break;
      case 'list':
        this.#checkList(constraint, value as readonly unknown[], path, found);
        break;
      case 'map':
        this.#checkMap(constraint, value as Record<string, unknown>, path, found);
        break;
      default:
    }
  }

  /** Items of a list are told about together, with all that holds for them, where they are no structures. */
  #checkList(list: Constraint, values: readonly unknown[], path: string, found: string[]): void {
    const item = this.#constraints.get(list.member!);
    if (item === undefined || item.type === 'structure') {
      for (const [index, value] of values.entries()) {
        const place = `${path}.${index + 1}.member`;
        if (value !== undefined) this.#check(list.member!, value, place, found);
        else found.push(`Value null at '${place}' failed to satisfy constraint: Member must not be null`);
      }
    } else if (values.some((value) => value === undefined || violates(item, value))) {
      found.push(
        `${this.#told(list, values)} at '${path}' failed to satisfy constraint: Member must satisfy constraint: [${all(item)}]`,
      );
    }
  }

  #checkMap(map: Constraint, values: Record<string, unknown>, path: string, found: string[]): void {
    const key = this.#constraints.get(map.key!);
    const value = this.#constraints.get(map.value!);
    if (key !== undefined && Object.keys(values).some((name) => violates(key, name))) {
      found.push(
        `${this.#told(map, values)} at '${path}' failed to satisfy constraint: Map keys must satisfy constraint: [${all(key)}]`,
      );
    }
    if (value !== undefined && Object.values(values).some((item) => violates(value, item))) {
      found.push(
        `${this.#told(map, values)} at '${path}' failed to satisfy constraint: Map value must satisfy constraint: [${all(value)}]`,
      );
    }
  }

  /** How a message names a value; made only where there is something to tell, for a value may be a package of 50 MB. */
  #told(constraint: Constraint, value: unknown): string {
    return constraint.sensitive || this.#holdsSecrets(constraint) ? 'Value' : `Value '${shorten(show(value))}'`;
  }

  /** A map of secrets is as secret as they are. */
  #holdsSecrets(constraint: Constraint): boolean {
    return [constraint.key, constraint.value, constraint.member].some(
      (part) => part !== undefined && this.#constraints.get(part)?.sensitive === true,
    );
  }
}

function violates(constraint: Constraint, value: unknown): boolean {
  return rules(constraint, value).some(([violated]) => violated);
}

/** Everything that holds for a shape, in AWS's words. */
function all(constraint: Constraint): string {
  return [...rules(constraint, undefined).map(([, text]) => text), 'Member must not be null'].join(', ');
}

/** Each rule of a shape in AWS's words and order, and whether `value` breaks it. */
function rules(constraint: Constraint, value: unknown): (readonly [boolean, string])[] {
  const { min, max, pattern, type } = constraint;
  const number = type === 'integer' || type === 'long' || type === 'double' || type === 'float';
  const kind = number ? 'value' : 'length';
  const size = number ? (value as number) : length(value);
  const result: (readonly [boolean, string])[] = [];
  if (max !== undefined) result.push([size > max, `Member must have ${kind} less than or equal to ${max}`]);
  if (min !== undefined) result.push([size < min, `Member must have ${kind} greater than or equal to ${min}`]);
  if (pattern !== undefined) {
    const text = typeof value === 'string' && value.length <= LONGEST_MATCHED ? value : undefined;
    const violated = text !== undefined && !wholePattern(pattern).test(text);
    result.push([violated, `Member must satisfy regular expression pattern: ${pattern}`]);
  }
  if (constraint.enum !== undefined) {
    const violated = value !== undefined && !constraint.enum.includes(value as string);
    result.push([violated, `Member must satisfy enum value set: [${constraint.enum.join(', ')}]`]);
  }
  return result;
}

/** Undefined compares as no violation. */
function length(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : Number.NaN;
}

/**
 * The SDK's schemas know only numbers, AWS's model also whole ones of 32 and 64 bits; what is none of these can't be read.
 *
 * Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html, of which tests of malformed requests are a part.
 *
 * @throws ApiError SerializationException
 */
function checkInteger({ type }: Constraint, value: unknown, path: string): void {
  if (typeof value !== 'number' || (type !== 'integer' && type !== 'long')) return;
  const largest = type === 'integer' ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER;
  if (Number.isInteger(value) && value <= largest && value >= -largest - 1) return;
  const what = type === 'integer' ? 'an integer of 32 bits' : 'an integer of 64 bits';
  throw new ApiError('SerializationException', `The value of ${path} is not ${what}.`);
}

/** An answer is no place for what somebody sent by the megabyte. */
function shorten(text: string): string {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
}

/** A value as AWS's messages print it. */
function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, item]) => `${key}=${show(item)}`)
    .join(', ')}}`;
}
