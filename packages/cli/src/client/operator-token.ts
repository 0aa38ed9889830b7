import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where `hearth up` keeps its data unless it is told otherwise, and the token in it. */
const DATA_DIRECTORY = '/var/lib/hearth';
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
  try {
    return readFileSync(join(env.HEARTH_DATA ?? DATA_DIRECTORY, TOKEN_FILE), 'utf8').trim();
  } catch {
    // None there, or not for this user: the server says what it needs.
    return undefined;
  }
}
