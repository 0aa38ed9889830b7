import { Client } from '../client.ts';

/** What load is put on: one URL that is sent one JSON body again and again. */
export interface Target {
  name: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** A request of `target` as it goes over the wire, keep-alive. */
export function requestBytes(target: Target): Buffer {
  const { host, pathname } = new URL(target.url);
  const lines = Object.entries({
    host,
    ...target.headers,
    'content-length': String(Buffer.byteLength(target.body)),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n${target.body}`);
}

/**
 * Sends the body once and holds the answer against it: a benchmark of a server that answers something else would be
 * worthless.
 *
 * @throws Error unless the answer is 200 and echoes the body
 */
export async function verifyEcho(target: Target): Promise<void> {
  using client = new Client(1);
  await client.echo(target);
}
