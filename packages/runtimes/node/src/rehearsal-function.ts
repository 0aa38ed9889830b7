/** What a spare loads while it waits: like the functions that it waits for, small and with an import. */
import { join } from 'node:path';

export const handler = async (event: unknown): Promise<unknown> => {
  await Promise.resolve();
  return { body: JSON.stringify(event), path: join('/tmp', 'rehearsal') };
};
