import { constantEnvironment, defaultEnvironment } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { InitializationType } from './keeper.ts';
import type { SessionCredentials } from './ports.ts';

/** Where the agent relays to Hearth's own API, seen from inside a sandbox. */
const RELAY_ENDPOINT = 'http://169.254.100.1:61080';

/**
 * The whole environment of a sandbox's process: AWS's defaults, the function's own variables, and AWS's reserved ones,
 * later ones winning. Names and meaning are AWS's
 * (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime).
 *
 * @param endpointVariables which variables tell AWS's SDKs where a service is, for each service that Hearth answers.
 */
export function sandboxEnvironment(
  spec: FunctionSpec,
  logStream: string,
  credentials: SessionCredentials,
  endpointVariables: readonly string[],
  initializationType: InitializationType,
): Record<string, string> {
  const own = spec.environment;
  // A function that names an endpoint itself means it, for all services or for one.
  const calledBack = own['AWS_ENDPOINT_URL'] === undefined ? endpointVariables : [];
  return {
    ...defaultEnvironment(spec.runtime),
    ...Object.fromEntries(calledBack.map((variable) => [variable, RELAY_ENDPOINT])),
    ...own,
    ...constantEnvironment(spec.runtime),
    AWS_LAMBDA_INITIALIZATION_TYPE: initializationType,
    _HANDLER: spec.handler,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    AWS_DEFAULT_REGION: spec.region,
    AWS_REGION: spec.region,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    AWS_LAMBDA_FUNCTION_NAME: spec.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: spec.version,
    AWS_LAMBDA_LOG_GROUP_NAME: spec.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    // The runtime's format and levels; without these it writes text.
    ...(spec.jsonLogs && { AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: spec.jsonLogs.applicationLevel }),
  };
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** The day that a name was last made on, and how names say it: to write a date costs more than the rest of a name. */
let lastDay = -1;
let lastDate = '';

/** AWS's name of a log stream. `epochMs` is the moment the sandbox was made, `hex` 32 hexadecimal digits. */
export function logStreamName(version: string, epochMs: number, hex: string): string {
  const day = Math.floor(epochMs / DAY_MS);
  if (day !== lastDay) {
    lastDay = day;
    lastDate = new Date(epochMs).toISOString().slice(0, 10).replaceAll('-', '/');
  }
  return `${lastDate}/[${version}]${hex}`;
}
