/** Finds the machine's npm, and what it has to know of the machine's network. */
import { accessSync, constants, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** How npm is started: a program and its first arguments. */
export interface Npm {
  readonly command: string;
  readonly args: readonly string[];
}

/** Where installers and distributions put npm, for services and `sudo`, whose PATH is short. */
const USUAL_PLACES = ['/usr/local/bin', '/usr/bin', '/opt/node/bin'];

/** Settings that say how the registry is reached. Not those that prove who one is: a server has no use for them. */
const NETWORK_SETTINGS = /^(registry|proxy|https-proxy|noproxy|cafile|strict-ssl|maxsockets)\s*=/;
const NETWORK_VARIABLES =
  /^(https?_proxy|no_proxy|all_proxy|node_extra_ca_certs|ssl_cert_(file|dir)|npm_config_(registry|proxy|https_proxy|noproxy|cafile|strict_ssl|globalconfig))$/i;

/**
 * The npm that this user can run; its script is run by `node`, so that it doesn't matter what `node` is on PATH.
 *
 * @returns undefined where there is none.
 */
export function findNpm(environment: NodeJS.ProcessEnv, node: string, usual = USUAL_PLACES): Npm | undefined {
  const directories = [...(environment['PATH'] ?? '').split(delimiter), dirname(node), ...usual];
  const candidates = [environment['npm_execpath'], ...directories.map((directory) => join(directory, 'npm'))];
  for (const candidate of candidates) {
    if (candidate === undefined || !candidate.startsWith('/')) continue;
    try {
      const path = realpathSync(candidate);
      // `npm exec` and package managers that resemble npm set the variable too.
      if (/\/npm-cli\.c?js$/.test(path)) {
        accessSync(path, constants.R_OK);
        return { command: node, args: [path] };
      }
      if (candidate === environment['npm_execpath']) continue;
      accessSync(path, constants.X_OK);
      return { command: path, args: [] };
    } catch {
      // Not there, or not for this user: the next may be.
    }
  }
  return undefined;
}

/** Variables that npm needs to reach the registry from here. */
export function networkVariables(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => NETWORK_VARIABLES.test(entry[0])),
  );
}

/** The lines of a person's `.npmrc` that say how the registry is reached; empty where there is none. To be read while it may be. */
export function networkSettings(home: string | undefined): string {
  if (home === undefined) return '';
  try {
    const lines = readFileSync(join(home, '.npmrc'), 'utf8').split('\n');
    return lines.filter((line) => NETWORK_SETTINGS.test(line)).join('\n');
  } catch {
    // Most people have none; one that can't be read isn't needed either, or npm will say what it lacks.
    return '';
  }
}
