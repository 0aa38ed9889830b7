import { EXIT_UNCAUGHT, EXIT_UNHANDLED } from './exit-codes.ts';
import { UnhandledPromiseRejectionError } from './runtime-errors.ts';
import type { Session } from './session.ts';

/**
 * What happens to errors that nothing in function code handles: logged, reported as the failure of the invocation
 * that runs, and the end of the process. As in any Node process, a listener of the function's own takes over.
 * Source: AWS's runtime interface client for Node.js.
 */
export function watchForCrashes(session: Session): void {
  process.on('uncaughtException', (error) => {
    if (process.listenerCount('uncaughtException') > 1) return;
    session.crash('Uncaught Exception', error);
    process.exit(EXIT_UNCAUGHT);
  });
  process.on('unhandledRejection', (reason, promise) => {
    if (process.listenerCount('unhandledRejection') > 1) return;
    session.crash('Unhandled Promise Rejection', rejection(reason, promise));
    process.exit(EXIT_UNHANDLED);
  });
  process.on('beforeExit', () => session.onEmptyLoop());
}

function rejection(reason: unknown, promise: Promise<unknown>): unknown {
  try {
    return new UnhandledPromiseRejectionError(reason, promise);
  } catch {
    // The reason can't be made a string; the document for that is made of the reason itself.
    return reason;
  }
}
