import { constants } from 'node:os';

const ERRNO_NAMES = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) {
  // Some numbers have two names (EAGAIN, EWOULDBLOCK): the first is the usual one.
  if (!ERRNO_NAMES.has(number)) ERRNO_NAMES.set(number, name);
}

/** A request that the kernel refused, or that could not be sent or answered. */
export class NetlinkError extends Error {
  override name = 'NetlinkError';
  /** The errno's name, such as `EEXIST`. */
  readonly code: string;
  /** What was asked for, in words: `set link eth0`. */
  readonly operation: string;
  /** What a person can do about it. */
  readonly hint: string | undefined;

  /**
   * @param errno positive.
   * @param detail the kernel's own words (extended acknowledgement), where it sent any.
   */
  constructor(operation: string, errno: number, detail?: string) {
    const code = ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
    const hint = hintFor(code, operation);
    super(`${operation}: ${code}${detail === undefined ? '' : ` (${detail})`}${hint === undefined ? '' : `. ${hint}`}`);
    this.code = code;
    this.operation = operation;
    this.hint = hint;
  }
}

function hintFor(code: string, operation: string): string | undefined {
  switch (code) {
    case 'EPERM':
      return 'Hint: this needs CAP_NET_ADMIN in the user namespace that owns the network namespace.';
    case 'EPROTONOSUPPORT':
    case 'EAFNOSUPPORT':
      return 'Hint: the kernel lacks this protocol; load the module nf_tables.';
    case 'ENOTSUP': {
      const kind = /^create (veth|macvlan)/.exec(operation)?.[1];
      return kind === undefined ? undefined : `Hint: the kernel has no links of this kind; load the module ${kind}.`;
    }
    default:
      return undefined;
  }
}
