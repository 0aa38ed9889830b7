import type { RuntimeId } from '@hearth/protocol';

/**
 * Features that Node has turned on by then and calls experimental, and that AWS turns off.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html, the table of experimental features.
 */
const EXPERIMENTAL: Partial<Record<RuntimeId, readonly string[]>> = {
  'nodejs22.x': ['experimental-require-module', 'experimental-detect-module'],
};

/**
 * Options for Node that turn them off.
 *
 * @param nodeOptions the function's NODE_OPTIONS, which may turn them on again.
 */
export function turnedOff(runtime: RuntimeId, nodeOptions = ''): string[] {
  const names = EXPERIMENTAL[runtime] ?? [];
  return names.filter((name) => !nodeOptions.includes(`--${name}`)).map((name) => `--no-${name}`);
}
