import * as nodeModule from 'node:module';
import { delimiter, dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

let nodePath: string | undefined;
/** Folders of the `node_modules` that `import` looks into too, as URLs. */
let parents: string[] = [];

/**
 * Makes modules resolve as on AWS: `require` by NODE_PATH, though Node read that variable long ago, and `import`
 * too, for the entries that are `node_modules` folders (layers and the AWS SDK), which plain Node doesn't do.
 * Cheap where it has been done for the same NODE_PATH before.
 */
export function installModulePaths(environment: NodeJS.ProcessEnv): void {
  const wanted = environment['NODE_PATH'] ?? '';
  if (wanted === nodePath) return;
  if (nodePath === undefined) nodeModule.registerHooks({ resolve });
  nodePath = wanted;
  (nodeModule.Module as unknown as { _initPaths(): void })._initPaths();
  parents = wanted
    .split(delimiter)
    .filter((path) => path.startsWith('/') && path.replace(/\/+$/, '').endsWith('/node_modules'))
    .map((path) => pathToFileURL(`${dirname(path)}/`).href);
}

const resolve: nodeModule.ResolveHookSync = (specifier, context, nextResolve) => {
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
};

/** Whether `specifier` names a package. */
function isBare(specifier: string): boolean {
  return /^[^./#]/.test(specifier) && !URL.canParse(specifier);
}
