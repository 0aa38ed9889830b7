const TRACE_ID = '_X_AMZN_TRACE_ID';

/** Makes `target` hold exactly the variables of `source`. `target` is `process.env`, whose writes go to the process. */
export function replaceEnvironment(target: NodeJS.ProcessEnv, source: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(target)) {
    if (!Object.hasOwn(source, name)) delete target[name];
  }
  for (const [name, value] of Object.entries(source)) {
    if (target[name] !== value) target[name] = value;
  }
}

/**
 * The trace header of the invocation that runs, where AWS X-Ray's SDK looks for it.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export function setTraceId(target: NodeJS.ProcessEnv, traceId: string | undefined): void {
  if (traceId !== undefined) target[TRACE_ID] = traceId;
  else if (target[TRACE_ID] !== undefined) delete target[TRACE_ID];
}
