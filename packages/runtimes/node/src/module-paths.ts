import * as nodeModule from 'node:module';
import { delimiter, dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Where AWS's runtime looks for modules beside the function's own, if the function doesn't set NODE_PATH.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html and the managed runtime's bootstrap.
 */
const DEFAULT_NODE_PATH =
  '/opt/nodejs/node26/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task';

/** Undoes what {@link installModulePaths} did to `import`. */
export interface ModulePaths {
  deregister(): void;
}

/**
 * Makes modules resolve as on AWS: `require` by NODE_PATH, though Node read that variable long ago, and `import`
 * too, for the entries that are `node_modules` folders (layers and the AWS SDK), which plain Node doesn't do.
 */
export function installModulePaths(environment: NodeJS.ProcessEnv): ModulePaths {
  environment['NODE_PATH'] ??= DEFAULT_NODE_PATH;
  (nodeModule.Module as unknown as { _initPaths(): void })._initPaths();
  const parents = environment['NODE_PATH']
    .split(delimiter)
    .filter((path) => path.startsWith('/') && path.replace(/\/+$/, '').endsWith('/node_modules'))
    .map((path) => pathToFileURL(`${dirname(path)}/`).href);
  return nodeModule.registerHooks({
    resolve(specifier, context, nextResolve) {
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND' || !isBare(specifier)) throw error;
        for (const parentURL of parents) {
          try {
            return nextResolve(specifier, { ...context, parentURL });
          } catch (next) {
            if ((next as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw next;
          }
        }
        throw error;
      }
    },
  });
}

/** Whether `specifier` names a package. */
function isBare(specifier: string): boolean {
  return /^[^./#]/.test(specifier) && !URL.canParse(specifier);
}
