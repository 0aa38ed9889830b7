import { CliError } from '../cli-error.ts';

/** Where people's AWS_ENDPOINT_URL already points. */
const DEFAULT_PORT = 4566;

/**
 * Where the server is: AWS_ENDPOINT_URL_LAMBDA or AWS_ENDPOINT_URL as AWS's own tools read them
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html), else HEARTH_PORT on this machine, else
 * port 4566.
 *
 * @throws CliError where what is set is no HTTP address.
 */
export function findEndpoint(env: NodeJS.ProcessEnv = process.env): URL {
  for (const name of ['AWS_ENDPOINT_URL_LAMBDA', 'AWS_ENDPOINT_URL']) {
    const value = env[name];
    if (value === undefined || value === '') continue;
    const url = URL.parse(value);
    if (url !== null && /^https?:$/.test(url.protocol)) return url;
    throw new CliError(`${name} is not an HTTP address: ${value}`, {
      hint: `Set it like  export ${name}=http://127.0.0.1:${DEFAULT_PORT}  or unset it.`,
    });
  }
  return new URL(`http://127.0.0.1:${portFrom(env)}`);
}

/** The port that HEARTH_PORT names, else 4566. */
export function portFrom(env: NodeJS.ProcessEnv = process.env): number {
  const value = env.HEARTH_PORT;
  return value === undefined || value === '' ? DEFAULT_PORT : parsePort(value, 'HEARTH_PORT');
}

/** @throws CliError where `value` is not a port, naming `source`. */
export function parsePort(value: string, source: string): number {
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port <= 65_535) return port;
  throw new CliError(`${source} is not a port: ${value}`, { hint: 'A port is a number from 0 to 65535.' });
}
