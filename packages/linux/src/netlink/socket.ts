import { constants } from 'node:os';
import koffi from 'koffi';
import { closeFd } from '../libc.ts';
import { NetlinkError } from './error.ts';
import {
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  HEADER_BYTES,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  readI32,
  readU32,
  writeU16,
} from './message.ts';

const libc = koffi.load('libc.so.6');
const socketCall = libc.func('int socket(int, int, int)');
const connectCall = libc.func('int connect(int, const void*, uint)');
const timevalType = koffi.struct({ seconds: 'long', microseconds: 'long' });
const setTimeoutOption = libc.func('setsockopt', 'int', ['int', 'int', 'int', koffi.pointer(timevalType), 'uint']);
const setIntegerOption = libc.func('setsockopt', 'int', ['int', 'int', 'int', koffi.pointer('int'), 'uint']);
const sendCall = libc.func('long send(int, const void*, size_t, int)');
const recvCall = libc.func('long recv(int, void*, size_t, int)');

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCKADDR_BYTES = 12;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_TRUNC = 0x20;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;

/** The kernel fills a datagram of a dump up to 32 KB. */
const RECEIVE_BYTES = 65_536;
/** The kernel answers before the request's system call returns, so this only keeps a bug from hanging us. */
const ANSWER_SECONDS = 5;
/** A dump that other changes keep interrupting is asked for again this often. */
const DUMP_ATTEMPTS = 20;

const PROTOCOLS = { route: 0, netfilter: 12 } as const;
type NetlinkProtocol = keyof typeof PROTOCOLS;

export interface Request {
  type: number;
  /** Beside NLM_F_REQUEST, which is always set. */
  flags?: number;
  payload: Buffer;
}

/** A request of a batch, with what it does in words for the error message. */
export interface BatchRequest extends Request {
  operation: string;
}

/**
 * A blocking conversation with the kernel: a request is sent and its answer awaited, in microseconds. The socket
 * belongs to the network namespace that its creator's thread was in, and stays in it.
 *
 * Source: netlink(7), rtnetlink(7).
 */
export class NetlinkSocket<P extends NetlinkProtocol = NetlinkProtocol> implements Disposable {
  readonly protocol: P;
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafe(RECEIVE_BYTES);
  #sequence = 0;
  #open = true;

  /** A socket for links, addresses and routes. @throws {NetlinkError} */
  static route(): NetlinkSocket<'route'> {
    return new NetlinkSocket('route');
  }

  /** A socket for nf_tables. @throws {NetlinkError} where the kernel has no netfilter. */
  static netfilter(): NetlinkSocket<'netfilter'> {
    return new NetlinkSocket('netfilter');
  }

  private constructor(protocol: P) {
    this.protocol = protocol;
    this.#fd = socketCall(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, PROTOCOLS[protocol]);
    if (this.#fd < 0) throw new NetlinkError(`open a ${protocol} netlink socket`, koffi.errno());
    try {
      this.#configure();
    } catch (error) {
      closeFd(this.#fd);
      throw error;
    }
  }

  #configure(): void {
    const timeout = { seconds: ANSWER_SECONDS, microseconds: 0 };
    this.#configured(setTimeoutOption(this.#fd, SOL_SOCKET, SO_RCVTIMEO, timeout, koffi.sizeof(timevalType)));
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) {
      this.#configured(setIntegerOption(this.#fd, SOL_NETLINK, option, [1], koffi.sizeof('int')));
    }
    // Connected to port 0, the kernel, the socket takes datagrams from nobody else; it is bound on the way.
    const kernel = Buffer.alloc(SOCKADDR_BYTES);
    writeU16(kernel, AF_NETLINK, 0);
    this.#configured(connectCall(this.#fd, kernel, kernel.length));
  }

  #configured(result: number): void {
    if (result < 0) throw new NetlinkError(`set up a ${this.protocol} netlink socket`, koffi.errno());
  }

  /**
   * Sends one request and waits for its acknowledgement.
   *
   * @param operation what it does, in words, for the error message.
   * @returns the messages that came before the acknowledgement.
   * @throws {NetlinkError} where the kernel refuses or does not answer in time.
   */
  request(operation: string, request: Request): Message[] {
    return this.#exchange(operation, { ...request, flags: (request.flags ?? 0) | NLM_F_ACK });
  }

  /** Asks for everything of a kind; asks again while changes made meanwhile leave the answer inconsistent. */
  dump(operation: string, request: Request): Message[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const messages = this.#exchange(operation, { ...request, flags: (request.flags ?? 0) | NLM_F_DUMP });
      if (messages.every((message) => (message.flags & NLM_F_DUMP_INTR) === 0)) return messages;
    }
    throw new NetlinkError(operation, constants.errno.EAGAIN, 'what it lists kept changing');
  }

  /**
   * Sends requests between a begin and an end as one datagram, which nfnetlink takes whole or not at all. The
   * acknowledgement of the last one follows the refusals of those before it, so it alone is asked for.
   *
   * @throws {NetlinkError} with the first refused request's operation; nothing has changed then.
   */
  batch(operation: string, begin: Request, requests: readonly BatchRequest[], end: Request): void {
    const first = this.#nextSequence();
    const operations = new Map([[first, operation]]);
    const parts = [encodeMessage(begin.type, NLM_F_REQUEST, first, begin.payload)];
    let last = first;
    for (const [i, request] of requests.entries()) {
      last = this.#nextSequence();
      operations.set(last, `${operation}: ${request.operation}`);
      const ack = i === requests.length - 1 ? NLM_F_ACK : 0;
      parts.push(encodeMessage(request.type, (request.flags ?? 0) | NLM_F_REQUEST | ack, last, request.payload));
    }
    parts.push(encodeMessage(end.type, NLM_F_REQUEST, this.#nextSequence(), end.payload));
    this.#send(operation, Buffer.concat(parts));
    for (;;) {
      for (const message of decodeMessages(this.#receive(operation))) {
        const about = operations.get(message.sequence);
        if (about === undefined || message.type !== NLMSG_ERROR) continue;
        throwRefusal(about, message);
        if (message.sequence === last) return;
      }
    }
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    closeFd(this.#fd);
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  #exchange(operation: string, request: Request): Message[] {
    const sequence = this.#nextSequence();
    this.#send(operation, encodeMessage(request.type, (request.flags ?? 0) | NLM_F_REQUEST, sequence, request.payload));
    const messages: Message[] = [];
    for (;;) {
      for (const message of decodeMessages(this.#receive(operation))) {
        // An answer to a request that was given up is not for us.
        if (message.sequence !== sequence) continue;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          throwRefusal(operation, message);
          return messages;
        }
        // A copy: the buffer is used again.
        messages.push({ ...message, payload: Buffer.from(message.payload) });
      }
    }
  }

  #send(operation: string, datagram: Buffer): void {
    if (!this.#open) throw new NetlinkError(operation, constants.errno.EBADF, 'the socket was disposed of');
    let sent: number;
    do sent = Number(sendCall(this.#fd, datagram, datagram.length, 0));
    while (sent < 0 && koffi.errno() === constants.errno.EINTR);
    if (sent < 0) throw new NetlinkError(operation, koffi.errno());
  }

  #receive(operation: string): Buffer {
    let length: number;
    // A receive with a timeout is not resumed after a signal, see signal(7).
    do length = Number(recvCall(this.#fd, this.#buffer, RECEIVE_BYTES, MSG_TRUNC));
    while (length < 0 && koffi.errno() === constants.errno.EINTR);
    if (length < 0) {
      const errno = koffi.errno();
      const timedOut = errno === constants.errno.EAGAIN;
      throw new NetlinkError(operation, timedOut ? constants.errno.ETIMEDOUT : errno);
    }
    if (length > RECEIVE_BYTES) throw new NetlinkError(operation, constants.errno.EMSGSIZE, `${length} bytes`);
    return this.#buffer.subarray(0, length);
  }
}

/** `struct nlmsgerr`: i32 negative errno or 0, the refused message's header (all of it unless capped), attributes. */
function throwRefusal(operation: string, message: Message): void {
  if (message.payload.length < 4) return;
  const errno = -readI32(message.payload, 0);
  if (errno > 0) throw new NetlinkError(operation, errno, explanation(message));
}

function explanation(message: Message): string | undefined {
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return undefined;
  let offset = 4;
  if (message.type === NLMSG_ERROR) {
    const refused = (message.flags & NLM_F_CAPPED) === 0 ? readU32(message.payload, 4) : HEADER_BYTES;
    offset += (refused + 3) & ~3;
  }
  const text = decodeAttributes(message.payload.subarray(offset)).get(NLMSGERR_ATTR_MSG);
  return text?.toString('utf8', 0, text.length - 1);
}
