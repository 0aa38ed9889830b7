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
