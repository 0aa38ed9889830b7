import { deleteFunction } from '../client/functions.ts';
import { Server } from '../client/server.ts';

/** Deletes functions, in order; stops at the first that can't be. */
export async function rm(names: string[], options: { json?: boolean }): Promise<void> {
  const server = new Server();
  for (const name of names) {
    await deleteFunction(server, name);
    process.stdout.write(options.json === true ? `${JSON.stringify({ deleted: name })}\n` : `Deleted ${name}.\n`);
  }
}
