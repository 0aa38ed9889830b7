import { Hearth, type HearthOptions } from '../../testing/hearth.ts';

/** Under software emulation Node ends at its start now and then, by a failed check of V8's own or by a signal. */
const ATTEMPTS = 3;

/** A server in the guest. One that ends before it is ready is told of, and started again. */
export async function startInGuest(options: HearthOptions): Promise<Hearth> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await Hearth.start(options);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      process.stdout.write(`start ${attempt} of ${ATTEMPTS} failed: ${(error as Error).message}\n`);
    }
  }
}
