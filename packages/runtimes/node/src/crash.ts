import { UnhandledPromiseRejectionError } from './runtime-errors.ts';
import type { Session } from './session.ts';

/** Exit codes of AWS's runtime. */
const EXIT_UNCAUGHT = 129;
const EXIT_UNHANDLED = 128;

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
  // The event loop is empty: what the handler waits for will never come. AWS's runtime ends here too.
  process.on('beforeExit', (code) => {
    if (session.busy) process.exit(code);
  });
}

function rejection(reason: unknown, promise: Promise<unknown>): unknown {
  try {
    return new UnhandledPromiseRejectionError(reason, promise);
  } catch {
    // The reason can't be made a string; the document for that is made of the reason itself.
    return reason;
  }
}
