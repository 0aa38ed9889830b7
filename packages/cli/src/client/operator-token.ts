import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where `hearth up` keeps its data unless it is told otherwise: an ordinary user's, and root's. */
function dataDirectories(env: NodeJS.ProcessEnv): string[] {
  if (env.HEARTH_DATA !== undefined) return [env.HEARTH_DATA];
  return [join(env.XDG_DATA_HOME || join(homedir(), '.local/share'), 'hearth'), '/var/lib/hearth'];
}

const TOKEN_FILE = 'operator.token';

/**
 * The operator's token for a server: HEARTH_OPERATOR_TOKEN, else what a server on this machine keeps in its data
 * directory (HEARTH_DATA), where this user may read it. Undefined where there is none, which is right for a server with
 * `--auth dev`.
 */
export function findOperatorToken(server: URL, env: NodeJS.ProcessEnv): string | undefined {
  const given = env.HEARTH_OPERATOR_TOKEN;
  if (given !== undefined && given !== '') return given;
  // The token of this machine's server is nobody else's business.
  if (!/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(server.hostname)) return undefined;
  for (const directory of dataDirectories(env)) {
    try {
      return readFileSync(join(directory, TOKEN_FILE), 'utf8').trim();
    } catch {
      // None there, or not for this user: the server says what it needs.
    }
  }
  return undefined;
}
