/**
 * Places of instances on the machine: a number from which users and addresses follow (`names.ts`). Servers that run beside
 * each other share the numbers, so each is claimed by an abstract socket: the kernel gives a name to one process only, and
 * takes it back however that process ends.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { MAX_INSTANCES } from './names.ts';

/** A place that no other instance on this machine has. Disposing gives it back. */
export interface Place extends Disposable {
  readonly index: number;
}

/** @param first tried first. @throws where all places are taken. */
export async function claimPlace(first = 0): Promise<Place> {
  for (let offset = 0; offset < MAX_INSTANCES; offset++) {
    const index = (first + offset) % MAX_INSTANCES;
    const socket = createServer();
    try {
      socket.listen(`\0hearth-instance-${index}`);
      await once(socket, 'listening');
      // The claim must not keep a spawner alive that has nothing else to do.
      socket.unref();
      return { index, [Symbol.dispose]: () => void socket.close() };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new Error(`there are ${MAX_INSTANCES} instances on this machine already, as many as its network holds`);
}
