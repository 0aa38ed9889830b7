import { readFileSync } from 'node:fs';

/** A shape of AWS's model as far as its values are constrained. Names refer to other shapes. */
export interface Constraint {
  readonly type: string;
  readonly required?: readonly string[];
  readonly members?: Readonly<Record<string, string>>;
  /** Of a list. */
  readonly member?: string;
  /** Of a map. */
  readonly key?: string;
  readonly value?: string;
  /** Length of text, list or map in elements; value of a number. */
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  /** Its values are not repeated in messages. */
  readonly sensitive?: boolean;
}

/** Every shape of a service by name. */
export type Constraints = ReadonlyMap<string, Constraint>;

/** @param service the table's name in generated/; made by scripts/generate-constraints.ts. */
export function readConstraints(service: string): Constraints {
  const text = readFileSync(new URL(`generated/${service}.json`, import.meta.url), 'utf8');
  return new Map(Object.entries((JSON.parse(text) as { shapes: Record<string, Constraint> }).shapes));
}

const patterns = new Map<string, RegExp>();

/** A pattern of the model, which must match the whole value, as a regular expression. */
export function wholePattern(pattern: string): RegExp {
  let expression = patterns.get(pattern);
  if (expression === undefined) {
    // `\p{..}` needs the flag `u`, under which some of the other patterns are no regular expressions.
    expression = new RegExp(`^(?:${pattern})$`, pattern.includes('\\p{') ? 'u' : '');
    patterns.set(pattern, expression);
  }
  return expression;
}
