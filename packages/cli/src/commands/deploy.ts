import { createHash } from 'node:crypto';
import { RUNTIMES } from '@hearth/protocol';
import { CliError } from '../cli-error.ts';
import type { FunctionConfiguration, FunctionSettings } from '../client/functions.ts';
import { createFunction, findFunction, untilLive, updateCode, updateSettings } from '../client/functions.ts';
import { Server } from '../client/server.ts';
import { accountFrom } from '../client/sign.ts';
import { guessHandler, hasHandler } from '../deploy/handler.ts';
import type { CodePackage } from '../deploy/package.ts';
import { packCode } from '../deploy/package.ts';
import { formatBytes } from '../output/amounts.ts';
import { withProgress } from '../output/progress.ts';

export interface DeployOptions {
  name?: string;
  handler?: string;
  runtime?: string;
  /** MB. */
  memory?: number;
  /** Seconds. */
  timeout?: number;
  env?: Record<string, string>;
  role?: string;
  json?: boolean;
  /** Says only that it was done, and nothing where the code is what it was. */
  quiet?: boolean;
}

/** Makes or updates a function from a folder, a zip or one file, and returns when new invocations run it. */
export async function deploy(path: string, options: DeployOptions): Promise<{ name: string }> {
  const server = new Server();
  const start = performance.now();
  const code = await withProgress(`Packing ${path}`, packCode(path));
  const name = options.name ?? code.name;
  const found = await findFunction(server, name);
  const action = found === undefined ? 'Created' : 'Updated';
  if (options.quiet === true && found !== undefined && isDeployed(found, code)) return { name };
  if (found === undefined) {
    const settings = await newSettings(path, code, options);
    await withProgress(`Uploading ${formatBytes(code.zip.length)}`, createFunction(server, name, code.zip, settings));
  } else {
    await update(server, found, code, options);
  }
  const live = await withProgress(`Waiting for ${name} to be live`, untilLive(server, name));
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(live)}\n`);
    return { name };
  }
  const took = Math.round(performance.now() - start);
  if (options.quiet === true) {
    process.stdout.write(`${action} ${name} in ${took} ms.\n`);
    return { name };
  }
  const about = `${live.Runtime}, handler ${live.Handler}, ${live.MemorySize} MB, ${formatBytes(code.zip.length)}`;
  process.stdout.write(`${action} ${name} (${about}) in ${took} ms.\nTry it:  hearth invoke ${name} '{}'\n`);
  return { name };
}

/** Same bytes, same hash; but what has failed to take over is tried again. */
function isDeployed(found: FunctionConfiguration, code: CodePackage): boolean {
  if (found.LastUpdateStatus === 'Failed') return false;
  return createHash('sha256').update(code.zip).digest('base64') === found.CodeSha256;
}

async function newSettings(path: string, code: CodePackage, options: DeployOptions): Promise<FunctionSettings> {
  const handler = options.handler ?? (await guessHandler(code.files));
  if (handler === undefined) {
    throw new CliError(`Nothing in ${path} looks like the start of a function.`, {
      hint: 'Name it with  --handler FILE.EXPORT , for instance  --handler index.handler  for exports.handler in index.js.',
    });
  }
  return {
    Runtime: options.runtime ?? RUNTIMES[0],
    Role: options.role ?? `arn:aws:iam::${accountFrom(process.env)}:role/hearth`,
    Handler: handler,
    ...givenSettings(options, {}),
  };
}

async function update(
  server: Server,
  found: FunctionConfiguration,
  code: CodePackage,
  options: DeployOptions,
): Promise<void> {
  const name = found.FunctionName;
  const settings = givenSettings(options, found.Environment?.Variables ?? {});
  if (options.runtime !== undefined) settings.Runtime = options.runtime;
  if (options.role !== undefined) settings.Role = options.role;
  if (options.handler !== undefined) settings.Handler = options.handler;
  else if (found.Handler === undefined || !hasHandler(code.files, found.Handler)) {
    const guess = await guessHandler(code.files);
    if (guess !== undefined) settings.Handler = guess;
  }
  if (!isDeployed(found, code)) {
    await withProgress(`Uploading ${formatBytes(code.zip.length)}`, updateCode(server, name, code.zip));
  }
  if (Object.keys(settings).length > 0) {
    await withProgress(`Waiting for ${name} to be live`, untilLive(server, name));
    await updateSettings(server, name, settings);
  }
}

/** What the options say; variables are added to those that the function has. */
function givenSettings(options: DeployOptions, variables: Record<string, string>): FunctionSettings {
  const settings: FunctionSettings = {};
  if (options.memory !== undefined) settings.MemorySize = options.memory;
  if (options.timeout !== undefined) settings.Timeout = options.timeout;
  if (options.env !== undefined) settings.Environment = { Variables: { ...variables, ...options.env } };
  return settings;
}
