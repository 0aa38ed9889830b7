import { CliError } from '../cli-error.ts';
import { portFrom } from '../client/endpoint.ts';

export interface UpOptions {
  port?: number;
  host: string;
  data?: string;
  config?: string;
  auth: 'dev' | 'sigv4';
  regions?: string;
  instances?: number;
  keepAlive?: string;
  json?: boolean;
}

/** What this command asks of the server. */
export interface StartServer {
  (options: Omit<UpOptions, 'json' | 'port'> & { port: number }): Promise<RunningServer>;
}

export interface RunningServer {
  url: string;
  /** Resolves with the exit code when the server has ended, for whatever reason. */
  closed: Promise<number>;
  /** Takes no more work, lets what runs finish, and ends. */
  close(): unknown;
}

/** 128 and the number of SIGINT, as shells report it. */
const INTERRUPTED = 130;

/**
 * Runs a server until it ends or the person stops it: Ctrl-C lets invocations finish, a second one does not wait.
 *
 * @returns the exit code.
 */
export async function up(options: UpOptions, start: StartServer = startHearth): Promise<number> {
  const { json = false, port = portFrom(), ...rest } = options;
  const server = await start({
    ...rest,
    data: rest.data ?? process.env.HEARTH_DATA,
    port,
  } as Parameters<StartServer>[0]);
  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(INTERRUPTED);
    stopping = true;
    process.stderr.write('Stopping when the running invocations have ended; Ctrl-C again stops at once.\n');
    void server.close();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // After the handlers: who reads this line may send a signal at once.
  const ready = json ? JSON.stringify({ url: server.url }) : `Hearth is ready at ${server.url}`;
  process.stdout.write(`${ready}\n`);
  try {
    return await server.closed;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

async function startHearth(options: Parameters<StartServer>[0]): ReturnType<StartServer> {
  // Only here: the other commands should not wait for a server to load.
  const { startServer } = (await import('@hearth/server')) as { startServer?: StartServer };
  if (startServer === undefined) throw new CliError('This installation has no server.', { hint: 'Run  npm install .' });
  return await startServer(options);
}
