import type { IncomingMessage } from 'node:http';
import { ApiError } from '@hearth/protocol';
import type { Admission } from '../auth/identity.ts';

/** A body of at most this is taken as it comes; what is kept of longer ones is counted. */
const SHORT = 64 * 1024;

/**
 * Collects the bodies of requests. What is kept of all of them together is bounded, so that many clients who send long
 * bodies slowly can't use up the memory; short bodies always pass.
 */
export class BodyReader {
  /** Bytes of all long bodies. */
  readonly #limit: number;
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are set aside for long bodies at present. */
  get held(): number {
    return this.#held;
  }

  /**
   * Exactly one of the two is called, once, and neither where the client goes away.
   *
   * @param limit bytes; of a longer body nothing is kept.
   * @param refuse called where the body can't be taken, without an error if that is because it is longer than the limit.
   */
  read(
    request: IncomingMessage,
    limit: number,
    done: (body: Buffer) => void,
    refuse: (error: ApiError | undefined) => void,
  ): void {
    const announced = request.headers['content-length'];
    if (announced !== undefined && Number(announced) > limit) {
      // What is still to come is read and thrown away by node:http once the answer is sent.
      closeAfter(request);
      refuse(undefined);
      return;
    }
    let first: Buffer | undefined;
    let long: LongBody | undefined;
    const stop = (error: ApiError | undefined): void => {
      // The rest is thrown away as it comes.
      request.removeAllListeners('data').removeAllListeners('end').resume();
      closeAfter(request);
      refuse(error);
    };
    request.on('data', (chunk: Buffer) => {
      if (first === undefined && chunk.length <= limit) {
        first = chunk;
        return;
      }
      const length = (long?.length ?? first?.length ?? 0) + chunk.length;
      // Announced by no length, so only now seen.
      if (length > limit) return stop(undefined);
      if (long === undefined) {
        long = new LongBody(first!);
        const body = long;
        request.once('close', () => (this.#held -= body.give()));
      }
      const wanted = long.wanted(chunk, announced === undefined ? limit : Number(announced));
      if (wanted > SHORT && this.#held + wanted - long.size > this.#limit) return stop(tooMuchAtOnce());
      this.#held += wanted - long.size;
      long.add(chunk, wanted);
    });
    request.on('end', () => {
      // A body of one chunk, which is nearly all of them, is not copied.
      done(long?.bytes ?? first ?? EMPTY);
    });
  }

  /**
   * The same for a request that somebody answers for: the body is held against what was signed before anyone gets it.
   *
   * @param refuse called also where it is not the body that was signed.
   */
  readSigned(
    request: IncomingMessage,
    admission: Admission,
    limit: number,
    done: (body: Buffer) => void,
    refuse: (error: unknown) => void,
  ): void {
    const check = (received: Buffer): void => {
      let body: Buffer;
      try {
        body = admission.checkBody(received);
      } catch (error) {
        return refuse(error);
      }
      done(body);
    };
    this.read(request, limit, check, refuse);
  }
}

/** Grows as it comes, so that a long body is not copied at once in the end. */
class LongBody {
  #buffer: Buffer;
  length: number;
  /** Bytes that it takes. */
  size: number;

  constructor(first: Buffer) {
    this.#buffer = first;
    this.length = first.length;
    this.size = 0;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  /**
   * How large it should be to take one more chunk. At first twice as large as needed now, for what was announced need not come;
   * the whole of it as soon as a good part has come, because to copy tens of megabytes keeps others waiting.
   */
  wanted(chunk: Buffer, whole: number): number {
    const needed = this.length + chunk.length;
    if (needed <= this.size) return this.size;
    return needed > whole / 8 ? Math.max(needed, whole) : 2 * needed;
  }

  add(chunk: Buffer, size: number): void {
    if (size !== this.size) {
      const larger = Buffer.allocUnsafeSlow(size);
      this.#buffer.copy(larger, 0, 0, this.length);
      this.#buffer = larger;
      this.size = size;
    }
    this.length += chunk.copy(this.#buffer, this.length);
  }

  /** The memory belongs to whoever has read the body from now on. @returns how many bytes that are. */
  give(): number {
    const { size } = this;
    this.size = 0;
    return size;
  }
}

/**
 * Where a client wants its connection closed after the answer, node:http does so at once: one that is still sending would find
 * the connection broken and might never read why. So it is closed when the body has ended, or by the server's time-out.
 */
function closeAfter(request: IncomingMessage): void {
  const socket: { destroySoon?: () => void } & Pick<IncomingMessage['socket'], 'end' | 'destroy'> = request.socket;
  socket.destroySoon = () => {
    socket.end();
    request.once('end', () => socket.destroy());
  };
  // The next request on the connection has no part in this.
  request.once('end', () => delete socket.destroySoon);
}

function tooMuchAtOnce(): ApiError {
  return new ApiError('TooManyRequestsException', 'Rate Exceeded. Too many long requests are on their way at once.', {
    reason: 'CallerRateLimitExceeded',
    retryAfterSeconds: 1,
  });
}

const EMPTY = Buffer.alloc(0);
