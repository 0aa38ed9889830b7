/**
 * Signals that end a process which doesn't listen for them, by name; the numbers are the same on x86-64 and arm64.
 * Source: signal(7)
 */
export const ENDING_SIGNALS: Readonly<Partial<Record<string, number>>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

/** The status with which a process ends in place of a signal, as a shell would tell of it. */
export function statusOfSignal(name: string): number | undefined {
  return Object.hasOwn(ENDING_SIGNALS, name) ? 128 + ENDING_SIGNALS[name]! : undefined;
}

/**
 * Signals that a forked sandbox ends by even where its JavaScript doesn't see them: native code that aborts, such as V8's where
 * its heap is full, and a child process that ends its parent. The status is then the number itself, 6 or 15, and not announced:
 * a sandbox that exits with one of these of its own accord says {@link OWN_ACCORD}.
 */
export const CAUGHT_SIGNALS: readonly number[] = [ENDING_SIGNALS['SIGABRT']!, ENDING_SIGNALS['SIGTERM']!];

/** Stands in place of a signal's name in the frame that announces an end. */
export const OWN_ACCORD = 'exit';

/**
 * By which signal a process 1 ended, if it did.
 *
 * @param announced what it said before, if anything.
 * @param status with which it ended, as its parent sees it.
 */
export function signalOfEnd(announced: string | undefined, status: number): string | undefined {
  if (announced === undefined) {
    return CAUGHT_SIGNALS.includes(status)
      ? Object.keys(ENDING_SIGNALS).find((name) => ENDING_SIGNALS[name] === status)
      : undefined;
  }
  return status === statusOfSignal(announced) ? announced : undefined;
}
