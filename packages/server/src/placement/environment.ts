import type { FunctionSpec } from '@hearth/protocol';
import type { SessionCredentials } from './ports.ts';

/** Where the agent relays to Hearth's own API, seen from inside a sandbox. */
const RELAY_ENDPOINT = 'http://169.254.100.1:61080';

/** Reserved by AWS but free for a function to change (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html). */
function defaults(spec: FunctionSpec): Record<string, string> {
  const major = /\d+/.exec(spec.runtime)?.[0] ?? '';
  return {
    LANG: 'en_US.UTF-8',
    LD_LIBRARY_PATH: '/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib',
    NODE_PATH: `/opt/nodejs/node${major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task`,
    PATH: '/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin',
    TZ: ':UTC',
  };
}

/**
 * The whole environment of a sandbox's process: AWS's defaults, the function's own variables, and AWS's reserved ones,
 * later ones winning. Names and meaning are AWS's
 * (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime).
 */
export function sandboxEnvironment(
  spec: FunctionSpec,
  logStream: string,
  credentials: SessionCredentials,
): Record<string, string> {
  const own = spec.environment;
  // A function that names an endpoint itself means it, for all services or for this one.
  const callsBack = own['AWS_ENDPOINT_URL_LAMBDA'] === undefined && own['AWS_ENDPOINT_URL'] === undefined;
  return {
    ...defaults(spec),
    ...(callsBack ? { AWS_ENDPOINT_URL_LAMBDA: RELAY_ENDPOINT } : {}),
    ...own,
    _HANDLER: spec.handler,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    AWS_DEFAULT_REGION: spec.region,
    AWS_REGION: spec.region,
    AWS_EXECUTION_ENV: `AWS_Lambda_${spec.runtime}`,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    AWS_LAMBDA_FUNCTION_NAME: spec.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: spec.version,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: spec.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    LAMBDA_TASK_ROOT: '/var/task',
  };
}

/** AWS's name of a log stream. `epochMs` is the moment the sandbox was made, `hex` 32 hexadecimal digits. */
export function logStreamName(version: string, epochMs: number, hex: string): string {
  const day = new Date(epochMs).toISOString().slice(0, 10).replaceAll('-', '/');
  return `${day}/[${version}]${hex}`;
}
