import { constants } from 'node:os';
import { ENDING_SIGNALS } from '@hearth/protocol';

let end: ((signal: string) => void) | undefined;

/**
 * Makes signals that function code sends to its own process do what they do elsewhere. The process is the first of its
 * sandbox, process 1, and for that the kernel drops those that it has no handler for, even SIGKILL (pid_namespaces(7)).
 * Done once, in the zygote: what a fork adds is {@link endBySignal}.
 */
export function installSignals(): void {
  const { kill } = process;
  const replaced = {
    kill(pid: number, signal?: string | number): true {
      const ending = end !== undefined && isSelf(pid) ? endingSignal(signal) : undefined;
      // Also what is dropped has been checked, and the rest of a process group has been sent it.
      kill.call(process, pid, signal);
      if (ending !== undefined) end!(ending);
      return true;
    },
    abort(): void {
      if (end === undefined) throw new Error('nothing to abort yet');
      end('SIGABRT');
    },
  };
  for (const [name, value] of Object.entries(replaced)) {
    Object.defineProperty(process, name, { configurable: true, enumerable: true, writable: true, value });
  }
}

/** From now on such a signal has this done: end the process without another word of its own. */
export function endBySignal(how: (signal: string) => void): void {
  end = how;
}

/** By number, or as a member of the process group that it leads. */
function isSelf(pid: number): boolean {
  return pid === process.pid || pid === 0 || pid === -process.pid;
}

/** The signal's name, if it ends this process. */
function endingSignal(signal: string | number = 'SIGTERM'): string | undefined {
  const name = typeof signal === 'string' ? signal : nameOf(signal);
  if (name === undefined || !Object.hasOwn(ENDING_SIGNALS, name)) return undefined;
  return process.listenerCount(name) > 0 ? undefined : name;
}

function nameOf(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}
