import type { Identity } from '../auth/identity.ts';
import { readConstraints } from './model/constraints.ts';
import type { Constraints } from './model/constraints.ts';
import { readModel } from './model/schema.ts';
import type { ServiceModel } from './model/schema.ts';
import { Validator } from './model/validation.ts';
import type { ValidatorOptions } from './model/validation.ts';
import type { Protocol } from './protocols/protocol.ts';

/** An AWS service as far as it is known without anything behind it. */
export interface ServiceDefinition {
  /** Its folder in this room, its table in model/generated and its errors' in `@hearth/protocol`. */
  readonly name: string;
  /** What AWS's SDKs call it, as `CloudWatch Logs`; the variable that names its endpoint follows from it. */
  readonly sdkId: string;
  /** In the credential scope of signatures. */
  readonly signingName: string;
  readonly model: ServiceModel;
  readonly constraints: Constraints;
  readonly validator: Validator;
  readonly protocol: Protocol;
  /** Bytes of a request's body. */
  readonly maxRequest: number;
  /** The same for operations that have a limit of their own. */
  readonly maxRequests?: Readonly<Record<string, number>>;
}

interface DefinitionParts extends Pick<
  ServiceDefinition,
  'name' | 'sdkId' | 'signingName' | 'maxRequest' | 'maxRequests'
> {
  /** The module of the service's client. */
  readonly sdk: object;
  readonly validation: ValidatorOptions;
  readonly protocol: (sdkId: string, model: ServiceModel) => Protocol;
}

export function defineService({ sdk, validation, protocol, ...parts }: DefinitionParts): ServiceDefinition {
  const model = readModel(sdk);
  const constraints = readConstraints(parts.name);
  return {
    ...parts,
    model,
    constraints,
    validator: new Validator(constraints, validation),
    protocol: protocol(parts.sdkId, model),
  };
}

/** Who calls, and how. */
export interface Caller {
  readonly identity: Identity;
  /** As the caller calls this server: name or address, and port. */
  readonly host: string;
  /** Aborted when the caller has gone before it was answered. */
  readonly signal: AbortSignal;
}

/** An AWS service that Hearth answers. */
export interface Service extends ServiceDefinition {
  /** Operations that are built. */
  has(operation: string): boolean;
  /** @param input checked against the model. @returns the output in the form of the SDK's types. */
  perform(operation: string, input: Readonly<Record<string, unknown>>, caller: Caller): Promise<object>;
}

// An input is checked against the model's shape before it reaches its handler; TypeScript can't follow that from a name.
/** One operation, from an input of the SDK's types to an output of theirs. */
export type AnyHandler<Context> = (input: never, context: Context) => object | Promise<object>;

/** @param context what each operation of this service works with. */
export function serve<Context>(
  definition: ServiceDefinition,
  handlers: ReadonlyMap<string, AnyHandler<Context>>,
  context: (caller: Caller) => Context,
): Service {
  return {
    ...definition,
    has: (operation) => handlers.has(operation),
    perform: async (operation, input, caller) => await handlers.get(operation)!(input as never, context(caller)),
  };
}
