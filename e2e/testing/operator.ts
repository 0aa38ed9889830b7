/** What the operator of a server with `--auth sigv4` does, by the command, and clients with the keys that come of it. */
import { LambdaClient } from '@aws-sdk/client-lambda';
import { type Hearth, HEARTH, run } from './hearth.ts';

export interface Keys {
  /** 12 digits. */
  account: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Runs the command as the operator, who finds the token in the data directory. @returns what it printed, parsed. */
export async function operate(hearth: Hearth, ...args: string[]): Promise<any> {
  const environment = { ...hearth.environment(), HEARTH_DATA: hearth.dataDirectory };
  return JSON.parse(await run(HEARTH, [...args, '--json'], environment));
}

/** A new account with one key. */
export async function newAccount(hearth: Hearth, name = ''): Promise<Keys> {
  const { id } = await operate(hearth, 'account', 'create', '--name', name);
  return operate(hearth, 'account', 'key', 'create', id);
}

export function clientWith(
  hearth: Hearth,
  { accessKeyId, secretAccessKey, sessionToken }: Omit<Keys, 'account'>,
): LambdaClient {
  return new LambdaClient({
    endpoint: hearth.url,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    maxAttempts: 1,
  });
}
