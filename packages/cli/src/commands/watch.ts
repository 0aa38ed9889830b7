import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CliError } from '../cli-error.ts';
import { changesOf } from '../deploy/watch.ts';
import { printError } from '../output/print-error.ts';
import { deploy } from './deploy.ts';
import type { DeployOptions } from './deploy.ts';

/** Where a function finds its code. */
const TASK = '/var/task/';

/**
 * Deploys a folder or file, and again each time that something in it is saved, until the signal is aborted. What can't be deployed or loaded is
 * told, in terms of the files here, and the next save tries again; meanwhile what was deployed before goes on.
 */
export async function watchAndDeploy(path: string, options: DeployOptions, signal: AbortSignal): Promise<void> {
  const json = options.json === true;
  const { name } = await deploy(path, options);
  if (!json) process.stdout.write(`Watching ${path} ...\n`);
  const root = (await stat(path)).isDirectory() ? resolve(path) : dirname(resolve(path));
  for await (const _change of changesOf(path, signal)) {
    try {
      // The settings are set already; from here on it is the code.
      await deploy(path, { name, json, quiet: true });
    } catch (error) {
      printError(error instanceof CliError ? inTermsOf(root, error) : error, json);
    }
  }
}

function inTermsOf(root: string, { message, hint, code, cause }: CliError): CliError {
  return new CliError(message.replaceAll(TASK, `${root}/`), { hint, code, cause });
}
