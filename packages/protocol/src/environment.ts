/** Where the dynamic loader looks for a function's libraries before the machine's, in this order. Source: as below. */
export const LIBRARY_PATH: readonly string[] = [
  '/var/lang/lib',
  '/lib64',
  '/usr/lib64',
  '/var/runtime',
  '/var/runtime/lib',
  '/var/task',
  '/var/task/lib',
  '/opt/lib',
];

/**
 * Variables that a function may set itself, and what they are otherwise.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
export function defaultEnvironment(runtime: string): Record<string, string> {
  const major = /\d+/.exec(runtime)?.[0] ?? '';
  return {
    LANG: 'en_US.UTF-8',
    LD_LIBRARY_PATH: LIBRARY_PATH.join(':'),
    NODE_PATH: `/opt/nodejs/node${major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task`,
    PATH: '/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin',
    TZ: ':UTC',
    AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
    AWS_XRAY_DAEMON_ADDRESS: '169.254.100.1:2000',
  };
}

/** Reserved variables that are the same in all sandboxes of a runtime. Source: as above. */
export function constantEnvironment(runtime: string): Record<string, string> {
  return {
    AWS_EXECUTION_ENV: `AWS_Lambda_${runtime}`,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    LAMBDA_TASK_ROOT: '/var/task',
  };
}
