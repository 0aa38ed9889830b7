import { writeSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import {
  encodeCredit,
  encodeFrame,
  encodeInvoke,
  encodeJson,
  FrameDecoder,
  FrameError,
  INITIAL_CREDIT,
  Kind,
  OWN_ACCORD,
  statusOfSignal,
} from '@hearth/protocol';
import type { InitMessage, InvokeMeta } from '@hearth/protocol';
import { IncomingResponse } from './incoming-response.ts';
import type { ResponseListener } from './incoming-response.ts';

const CHUNK = 64 * 1024;
/** The largest event that is sent ahead: several fit into a socket's buffer. */
const MAX_AHEAD = 8 * 1024;
/** More than is ever under way to a sandbox that reads: an event within its credit, and what was sent ahead. */
const MAX_UNREAD = 4 * 1024 * 1024;

/** Whoever keeps the sandbox. */
export interface SandboxOwner {
  onInitialised(): void;
  /** Init failed; `document` is AWS's error document in JSON. */
  onInitFailed(document: Buffer): void;
  /** Log text outside any invocation, valid until the call returns. */
  onLog(text: Buffer): void;
  /** Its process ends by this signal, or as protocol's signals.ts says otherwise; the status that follows says the same. */
  onEnding(how: string): void;
  /** The answer to `withdraw`: what was sent ahead by then has not begun, and won't. Its listeners hear nothing of it. */
  onWithdrawn(): void;
  /** Once: the stream is at its end, by whichever side. Comes after it nothing. */
  onClosed(reason: string): void;
}

/** Whoever waits for an invocation. One of the last three is called, once, unless the stream closes first. */
export interface InvocationListener extends ResponseListener {
  /** Valid until the call returns. */
  onLog(text: Buffer): void;
  /**
   * @param payload empty where it took the parts of a streamed response.
   * @param computed whether it waited for nothing but a processor, if the sandbox is to be believed.
   */
  onResponse(payload: Buffer, computed: boolean): void;
  onError(document: Buffer): void;
  onResponseTooLarge(): void;
}

/** The part of `net.Socket` used here that Node does not document, there since 0.12; null once the socket is closed. */
interface SocketInternals {
  readonly _handle: { readonly fd: number } | null;
}

interface SentAhead {
  readonly id: number;
  readonly listener: InvocationListener;
}

/**
 * A sandbox's stream, made safe to use. What comes from it is hostile. It guarantees:
 *
 * 1. Never two invocations at once: `invoke` throws while one runs, and before init has ended. What is sent ahead begins
 *    when all before it have ended, in its order.
 * 2. An invocation's listener hears of exactly one end, or of none if `onClosed` comes first; nothing afterwards.
 * 3. A frame that is not legal at that moment (kind, stream id, size) closes the stream.
 * 4. Memory held for the sandbox is bounded: one frame and one read, a response of `MAX_RESPONSE` in however many
 *    parts, the event, and {@link MAX_UNREAD} bytes that it doesn't read. Of a streamed response nothing is held, and no
 *    more comes than its listener has granted.
 * 5. `close` may be called at any time and again; `onClosed` is called exactly once, whoever closed; afterwards
 *    nothing is written and nothing is reported.
 */
export class SafeSandbox implements Disposable {
  readonly #stream: Duplex;
  readonly #owner: SandboxOwner;
  #phase: 'silent' | 'initialising' | 'ready' | 'closed' = 'silent';
  #sequence = 0;
  /** The stream id of the invocation that runs, or ran last. */
  #current = 0;
  #listener: InvocationListener | undefined;
  readonly #ahead: SentAhead[] = [];
  /** Frames that leave together at the end of this turn of the event loop. */
  #unsent: Buffer[] = [];
  #withdrawing = false;
  readonly #response = new IncomingResponse((bytes) => this.#write(encodeCredit(this.#current, bytes)));
  #event: Buffer | undefined;
  #sent = 0;
  #sendCredit = 0;

  constructor(stream: Duplex, owner: SandboxOwner) {
    this.#stream = stream;
    this.#owner = owner;
    const decoder = new FrameDecoder(this.#onFrame);
    stream.on('data', (bytes: Buffer) => {
      try {
        decoder.push(bytes);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        this.close(`protocol error: ${error.message}`);
      }
    });
    stream.on('error', (error) => this.close(`the stream failed: ${error.message}`));
    stream.on('close', () => this.close('the sandbox closed its stream'));
    stream.resume();
  }

  get closed(): boolean {
    return this.#phase === 'closed';
  }

  /** Whether an invocation may start. */
  get ready(): boolean {
    return this.#phase === 'ready' && this.#listener === undefined;
  }

  /** Tells the spare what to become; answered by `onInitialised` or `onInitFailed`. */
  init(message: InitMessage): void {
    if (this.#phase !== 'silent') throw new Error(`init of a sandbox whose stream is ${this.#phase}`);
    this.#phase = 'initialising';
    this.#write(encodeJson(Kind.init, 0, message));
  }

  invoke(meta: InvokeMeta, event: Buffer, listener: InvocationListener): void {
    if (this.#phase !== 'ready') throw new Error(`invocation of a sandbox whose stream is ${this.#phase}`);
    if (this.#listener !== undefined) throw new Error('a second invocation of a sandbox that executes one');
    const id = this.#nextId();
    this.#begin(id, listener);
    const { frame, inline } = encodeInvoke(id, meta, event);
    this.#write(frame);
    if (inline < event.length && !this.closed) {
      this.#event = event;
      this.#sent = inline;
      this.#sendCredit = INITIAL_CREDIT;
      this.#sendChunks();
    }
  }

  /** Whether `invokeAhead` may be called for an event of so many bytes. */
  takesAhead(bytes: number): boolean {
    return this.#listener !== undefined && !this.#withdrawing && this.#event === undefined && bytes <= MAX_AHEAD;
  }

  /**
   * Sends an invocation before the one that runs has ended. It begins by itself when those before it have ended; from
   * then on frames for it are its listener's. Several that are sent in one turn of the event loop leave together.
   */
  invokeAhead(meta: InvokeMeta, event: Buffer, listener: InvocationListener): void {
    if (!this.takesAhead(event.length)) throw new Error('nothing can be sent ahead to this sandbox now');
    const id = this.#nextId();
    this.#ahead.push({ id, listener });
    if (this.#unsent.length === 0) setImmediate(this.#flush);
    this.#unsent.push(encodeInvoke(id, meta, event).frame);
  }

  /** Asks for what was sent ahead. What has not begun when `onWithdrawn` is called never will; the rest may have ended by then. */
  withdraw(): void {
    if (this.#withdrawing || this.#ahead.length === 0) return;
    this.#flush();
    this.#withdrawing = true;
    this.#write(encodeFrame(Kind.withdraw, 0));
  }

  close(reason: string): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#listener = undefined;
    this.#ahead.length = 0;
    this.#unsent = [];
    this.#response.reset();
    this.#event = undefined;
    this.#stream.destroy();
    this.#owner.onClosed(reason);
  }

  [Symbol.dispose](): void {
    this.close('disposed');
  }

  readonly #onFrame = (kind: Kind, stream: number, payload: Buffer): void => {
    if (this.#phase === 'closed') return;
    if (this.#phase === 'silent') throw new FrameError(`a frame of kind ${kind} before init`);
    switch (kind) {
      case Kind.end:
        return this.#onEnd(stream, payload, false);
      case Kind.computed:
        return this.#onEnd(stream, payload, true);
      case Kind.log:
        return (this.#listener ?? this.#owner).onLog(payload);
      case Kind.chunk:
        return this.#response.chunk(payload, this.#listenerOf(stream));
      case Kind.credit:
        return this.#onCredit(stream, payload);
      case Kind.init:
        if (this.#phase !== 'initialising') throw new FrameError('init ended twice');
        this.#phase = 'ready';
        return this.#owner.onInitialised();
      case Kind.head:
        return this.#onHead(stream, payload.toString());
      case Kind.whole:
        return this.#response.whole(this.#listenerOf(stream));
      case Kind.error:
        return this.#onError(stream, payload);
      case Kind.withdraw:
        return this.#onWithdraw();
      case Kind.shutdown:
        return this.#onShutdown(payload.toString());
      default:
        throw new FrameError(`a frame of kind ${kind} from a sandbox`);
    }
  };

  #nextId(): number {
    return (this.#sequence = (this.#sequence % 0xffff_ffff) + 1);
  }

  #begin(id: number, listener: InvocationListener | undefined): void {
    this.#current = id;
    this.#listener = listener;
    this.#response.reset();
  }

  readonly #flush = (): void => {
    const frames = this.#unsent;
    if (frames.length === 0) return;
    this.#unsent = [];
    this.#write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  };

  #listenerOf(stream: number): InvocationListener {
    if (this.#listener === undefined || stream !== this.#current) {
      throw new FrameError(`a frame for stream ${stream}, which is not open`);
    }
    return this.#listener;
  }

  #onEnd(stream: number, payload: Buffer, computed: boolean): void {
    const listener = this.#listenerOf(stream);
    const response = this.#response.end(payload);
    this.#finish();
    if (response === undefined) listener.onResponseTooLarge();
    else listener.onResponse(response, computed);
  }

  #onError(stream: number, payload: Buffer): void {
    if (this.#phase === 'initialising') {
      if (stream !== 0) throw new FrameError('an invocation failed before init');
      return this.#owner.onInitFailed(Buffer.from(payload));
    }
    const listener = this.#listenerOf(stream);
    this.#finish();
    listener.onError(Buffer.from(payload));
  }

  #onHead(stream: number, contentType: string): void {
    const listener = this.#listenerOf(stream);
    this.#response.head(contentType, listener, (bytes) => {
      if (stream === this.#current && this.#listener === listener) this.#response.grant(bytes);
    });
  }

  #onCredit(stream: number, payload: Buffer): void {
    if (payload.length !== 4) throw new FrameError('a credit frame without its number');
    // Credit for an invocation that has ended since is no fault.
    if (this.#event === undefined || stream !== this.#current) return;
    this.#sendCredit += payload.readUInt32LE(0);
    this.#sendChunks();
  }

  #sendChunks(): void {
    while (this.#event !== undefined) {
      const size = Math.min(CHUNK, this.#event.length - this.#sent);
      if (size > this.#sendCredit) return;
      this.#write(encodeFrame(Kind.chunk, this.#current, this.#event.subarray(this.#sent, this.#sent + size)));
      this.#sendCredit -= size;
      this.#sent += size;
      if (this.#sent === this.#event.length) this.#event = undefined;
    }
  }

  /**
   * Hands bytes to the kernel at once where there is a descriptor to do it with. A stream that fails to write gives up what it
   * has not read yet; but a sandbox that has just died may have answered before: so its end is left to be read.
   */
  #write(bytes: Buffer): void {
    if (this.#phase === 'closed') return;
    const fd = (this.#stream as Partial<SocketInternals>)._handle?.fd ?? -1;
    if (fd < 0 || this.#stream.writableLength > 0) {
      if (this.#stream.writableLength > MAX_UNREAD) return this.close('it does not read what it is sent');
      return void this.#stream.write(bytes);
    }
    try {
      const written = writeSync(fd, bytes);
      if (written < bytes.length) this.#stream.write(bytes.subarray(written));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') this.#stream.write(bytes);
      else if (code !== 'EPIPE' && code !== 'ECONNRESET') throw error;
    }
  }

  #onShutdown(signal: string): void {
    if (signal !== OWN_ACCORD && statusOfSignal(signal) === undefined)
      throw new FrameError('the end by a signal that ends nothing');
    this.#owner.onEnding(signal);
  }

  #onWithdraw(): void {
    if (!this.#withdrawing) throw new FrameError('nothing was asked back');
    this.#withdrawing = false;
    this.#ahead.length = 0;
    this.#owner.onWithdrawn();
  }

  /** The invocation that ran has ended: the next one that was sent has begun. */
  #finish(): void {
    const next = this.#ahead.shift();
    this.#event = undefined;
    if (next !== undefined) return this.#begin(next.id, next.listener);
    this.#listener = undefined;
    this.#response.reset();
  }
}
