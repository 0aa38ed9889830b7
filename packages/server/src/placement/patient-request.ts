import { Deadline } from './deadline-queue.ts';
import type { Sandbox } from './sandbox.ts';

/** A request that can wait for a busy sandbox of its function. Its deadline is when it stops waiting. */
export abstract class PatientRequest extends Deadline {
  /** How often it has waited in vain. */
  turns = 0;
  /** The sandbox is its alone now, and executing. */
  abstract given(sandbox: Sandbox, now: number): void;
  /** It has waited for long enough: the rest of the ladder is its own to climb. */
  abstract goOn(): void;
}
