import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { HandlerContext } from './handler-context.ts';
import {
  HandlerNotFoundError,
  ImportModuleError,
  MalformedHandlerNameError,
  UserCodeSyntaxError,
} from './runtime-errors.ts';

/** The third argument is given in nodejs22.x only. */
export type Handler = (
  event: unknown,
  context: HandlerContext,
  callback?: (error?: unknown, result?: unknown) => void,
) => unknown;

/** Tried in this order after the name itself. */
const EXTENSIONS = ['', '.js', '.mjs', '.cjs'];

/** Stands in messages ("Require stack") where AWS's runtime would. */
const RUNTIME_MODULE = '/var/runtime/index.mjs';

/**
 * Loads the function's module and finds its handler.
 *
 * @param root the task root, absolute; `/var/task` on AWS.
 * @param name the handler setting: `[directory/]file.export[.nested...]`.
 * @throws one of runtime-errors.ts, or what the module threw while loading.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html; order, names and messages as in AWS's
 * runtime interface client.
 */
export async function loadHandler(root: string, name: string): Promise<Handler> {
  if (name.includes('..')) {
    throw new MalformedHandlerNameError(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const last = basename(name);
  const dot = last.indexOf('.');
  if (dot < 0) throw new MalformedHandlerNameError('Bad handler');
  const directory = name.slice(0, name.indexOf(last)).replace(/\/$/, '');
  const loaded = await loadModule(root, directory, last.slice(0, dot));
  return findHandler(loaded, last.slice(dot + 1), name);
}

async function loadModule(root: string, directory: string, moduleName: string): Promise<unknown> {
  try {
    const path = resolve(root, directory, moduleName);
    for (const extension of EXTENSIONS) {
      if (statSync(path + extension, { throwIfNoEntry: false })?.isFile()) {
        return await import(pathToFileURL(path + extension).href);
      }
    }
    // A package in node_modules or a layer may be the function's module too.
    const require = createRequire(RUNTIME_MODULE);
    return require(require.resolve(moduleName, { paths: [root, join(root, directory)] }));
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error);
    if (error instanceof Error && (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') {
      throw new ImportModuleError(error);
    }
    throw error;
  }
}

function findHandler(loaded: unknown, path: string, name: string): Handler {
  let found = follow(loaded, path);
  // A CommonJS module's exports are its default export; not all of them have names of their own.
  if (!found && typeof loaded === 'object' && loaded !== null && 'default' in loaded) {
    found = follow(loaded.default, path);
  }
  if (!found) throw new HandlerNotFoundError(`${name} is undefined or not exported`);
  if (typeof found !== 'function') throw new HandlerNotFoundError(`${name} is not a function`);
  return found as Handler;
}

function follow(from: unknown, path: string): unknown {
  let found = from;
  for (const key of path.split('.')) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}
