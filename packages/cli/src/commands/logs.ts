import { createInterface } from 'node:readline/promises';
import { Server } from '../client/server.ts';
import { parseDuration } from '../output/amounts.ts';
import { printable } from '../output/printable.ts';

export interface LogsOptions {
  follow?: boolean;
  /** A time span, like `10m`. */
  since?: string;
  /** 12 digits. */
  account?: string;
  json?: boolean;
  signal?: AbortSignal;
}

/** Prints a function's log events; with `follow` until the person stops it. */
export async function logs(name: string, options: LogsOptions): Promise<void> {
  const since = options.since === undefined ? undefined : String(Math.floor(Date.now() - parseDuration(options.since)));
  const { signal } = options;
  const response = await new Server().open('GET', '/_hearth/logs', {
    query: {
      ...ownerOf(options, process.env),
      function: name,
      since,
      follow: options.follow === true ? '1' : undefined,
    },
    signal,
  });
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
      if (line === '') continue;
      if (options.json === true) process.stdout.write(`${line}\n`);
      else process.stdout.write(`${printable((JSON.parse(line) as { message: string }).message)}\n`);
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

/** How the server learns whose function is meant: an operator may see everyone's. */
function ownerOf({ account }: LogsOptions, env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const region = env.AWS_REGION ?? env.AWS_DEFAULT_REGION;
  const keyId = env.AWS_ACCESS_KEY_ID;
  if (account !== undefined) return { account, region };
  return keyId !== undefined && /^\d{12}$/.test(keyId) ? { account: keyId, region } : { accessKeyId: keyId, region };
}
