/** The operations of the services under test, as the AWS SDK's own schemas describe them. */
import * as logs from '@aws-sdk/client-cloudwatch-logs';
import * as lambda from '@aws-sdk/client-lambda';
import * as sts from '@aws-sdk/client-sts';
import { NormalizedSchema } from '@smithy/core/schema';

export type Protocol = 'rest-json' | 'aws-json' | 'query';

export interface Operation {
  readonly service: string;
  readonly protocol: Protocol;
  readonly name: string;
  readonly input: NormalizedSchema;
  /** Of REST-JSON. */
  readonly method: string;
  readonly uri: string;
}

/** What stands first in a schema of an operation; its other parts are namespace, name, traits, input and output. */
const OPERATION = 9;

function operationsOf(service: string, protocol: Protocol, sdk: object): Operation[] {
  const schemas = Object.values(sdk).filter((value): value is unknown[] => Array.isArray(value));
  return schemas
    .filter(([kind]) => kind === OPERATION)
    .map(([, , name, traits, input]) => {
      const { http: [method, uri] = ['POST', '/'] } = traits as { http?: [string, string] };
      const schema = NormalizedSchema.of(input as Parameters<typeof NormalizedSchema.of>[0]);
      return { service, protocol, name: String(name), input: schema, method, uri };
    });
}

export const OPERATIONS: readonly Operation[] = [
  ...operationsOf('lambda', 'rest-json', lambda),
  ...operationsOf('logs', 'aws-json', logs),
  ...operationsOf('sts', 'query', sts),
];
