import { performance } from 'node:perf_hooks';
import { decodeInvoke, Kind, type InitMessage, type InvokeMeta, type RuntimeId } from '@hearth/protocol';
import { streamingOf, type StreamingHandler } from './awslambda.ts';
import { Callbacks } from './callbacks.ts';
import type { Connection } from './connection.ts';
import { setTraceId } from './environment.ts';
import { errorDocumentText } from './error-document.ts';
import { EventReceiver } from './event-receiver.ts';
import { handlerContext, type HandlerContext } from './handler-context.ts';
import type { Handler } from './load-handler.ts';
import type { LogOutput } from './log-output.ts';
import { EXIT_UNCAUGHT, EXIT_UNSETTLED } from './exit-codes.ts';
import { ResponseSender } from './response.ts';
import { ResponseStream } from './response-stream.ts';
import { runStreaming } from './run-streaming.ts';
import { JsonStringifyError } from './runtime-errors.ts';

// Taken before function code runs, which may replace the global by a fake clock's.
const { setImmediate } = globalThis;
const { nodeTiming } = performance;

/** What a session needs of the process that it runs in. */
export interface SessionHost {
  readonly connection: Pick<Connection, 'sendText' | 'sendBytes' | 'hold' | 'release'>;
  readonly output: LogOutput;
  readonly environment: NodeJS.ProcessEnv;
  /** Writes a log entry of level ERROR. */
  logError(headline: string, thrown: unknown): void;
  /** Sends unfinished lines of output. */
  flush(): void;
  /** Becomes the function: environment, working directory, modules, handler. */
  init(message: InitMessage): Promise<Handler>;
  /** Ends the process, after the `exit` listeners. */
  exit(code: number): void;
  /** The server asks for a graceful end. */
  shutdown(): void;
}

/** An invocation that came while another ran. */
interface Waiting {
  readonly stream: number;
  readonly meta: InvokeMeta;
  readonly event: Buffer;
}

/**
 * The life of one sandbox as its frames tell it: init, then one invocation at a time. The server may send the next ones
 * ahead, and take back those that have not begun.
 *
 * Whatever ends an invocation waits for one turn of the event loop first, as AWS's runtime does: a promise that was
 * rejected and left alone fails the invocation that made it, not the next.
 */
export class Session {
  readonly #host: SessionHost;
  readonly #responses: ResponseSender;
  #state: 'new' | 'initialising' | 'idle' | 'receiving' | 'executing' | 'responding' = 'new';
  #init: InitMessage | undefined;
  #handler: Handler | undefined;
  /** Set where the handler streams. */
  #streaming: { highWaterMark?: number } | undefined;
  #receiver: EventReceiver | undefined;
  readonly #waiting: Waiting[] = [];
  /** Milliseconds for which the event loop had slept when the invocation began. */
  #sleptBefore = 0;
  #result: unknown;
  /** Of the invocation that runs, in nodejs22.x. */
  #callbacks: Callbacks | undefined;
  /** Of the invocation that runs, where it streams. */
  #stream: ResponseStream | undefined;

  constructor(host: SessionHost) {
    this.#host = host;
    this.#responses = new ResponseSender(host.connection);
  }

  /** Whether function code is at work that the server waits for. */
  get busy(): boolean {
    return this.#state === 'initialising' || this.#state === 'executing';
  }

  /** Takes a frame. Throws on one that doesn't belong here: the stream is then of no use any more. */
  frame(kind: Kind, stream: number, payload: Buffer): void {
    switch (kind) {
      case Kind.invoke:
        return this.#receive(stream, payload);
      case Kind.chunk:
        return this.#receiveMore(stream, payload);
      case Kind.credit:
        return (this.#stream ?? this.#responses).grant(stream, payload.readUInt32LE(0));
      case Kind.init:
        this.#expect('new');
        this.#state = 'initialising';
        void this.#initialise(JSON.parse(payload.toString()) as InitMessage);
        return;
      case Kind.withdraw:
        this.#waiting.length = 0;
        this.#host.connection.sendText(Kind.withdraw, 0, '');
        return;
      case Kind.shutdown:
        return this.#host.shutdown();
      default:
        throw new Error(`a frame of kind ${kind} is not for a sandbox`);
    }
  }

  /** Function code failed outside of the handler's promise: reports it as the failure of what runs now, if anything. */
  crash(headline: string, thrown: unknown): void {
    this.#host.logError(headline, thrown);
    // Nothing may come after the error.
    this.#stream?.detach();
    this.#host.flush();
    if (this.busy) this.#host.connection.sendText(Kind.error, this.#host.output.stream, errorDocumentText(thrown));
  }

  /** The event loop is empty: what the function waits for will never come. AWS's runtimes end then, but for callbacks. */
  onEmptyLoop(): void {
    if (this.#state === 'executing' && this.#callbacks !== undefined) return this.#callbacks.onEmptyLoop();
    if (!this.busy) return;
    this.#host.exit(this.#init!.runtime === 'nodejs22.x' ? EXIT_UNSETTLED : 0);
  }

  #expect(state: 'new' | 'idle' | 'receiving'): void {
    if (this.#state !== state) throw new Error(`the server sent a frame for a sandbox that is ${this.#state}`);
  }

  async #initialise(message: InitMessage): Promise<void> {
    const { connection } = this.#host;
    this.#init = message;
    connection.release();
    try {
      this.#handler = await this.#host.init(message);
      this.#streaming = streamingOf(this.#handler);
    } catch (error) {
      // That runtime leaves it to Node, whose way out it watches.
      const uncaught = message.runtime === 'nodejs22.x';
      this.crash(uncaught ? 'Uncaught Exception' : 'Init Error', error);
      this.#host.exit(uncaught ? EXIT_UNCAUGHT : 1);
      return;
    }
    connection.hold();
    this.#host.flush();
    this.#state = 'idle';
    connection.sendText(Kind.init, 0, '');
  }

  #receive(stream: number, payload: Buffer): void {
    const { meta, event } = decodeInvoke(payload);
    if ((this.#state === 'executing' || this.#state === 'responding') && event.length === meta.length) {
      // A copy: the payload is a view of the buffer that the next read fills.
      this.#waiting.push({ stream, meta, event: Buffer.from(event) });
      return;
    }
    this.#expect('idle');
    if (event.length < meta.length) {
      this.#state = 'receiving';
      this.#receiver = new EventReceiver(this.#host.connection, stream, meta, event);
    } else {
      this.#execute(stream, meta, event);
    }
  }

  #receiveMore(stream: number, part: Buffer): void {
    this.#expect('receiving');
    const receiver = this.#receiver!;
    if (receiver.stream !== stream) throw new Error(`a chunk for stream ${stream} during an invocation's event`);
    const event = receiver.push(part);
    if (event === undefined) return;
    this.#receiver = undefined;
    this.#execute(stream, receiver.meta, event);
  }

  #execute(stream: number, meta: InvokeMeta, event: Buffer): void {
    const { connection, environment, output } = this.#host;
    this.#state = 'executing';
    this.#sleptBefore = nodeTiming.idleTime;
    output.requestId = meta.requestId;
    output.tenantId = meta.tenantId;
    output.stream = stream;
    setTraceId(environment, meta.traceId);
    let returned: unknown;
    try {
      const context = handlerContext(this.#init!, meta);
      // An invocation without a payload has an empty object for its event.
      const value: unknown = event.length === 0 ? {} : JSON.parse(event.toString());
      if (this.#streaming !== undefined) return this.#executeStreaming(value, context, this.#streaming);
      if (this.#init!.runtime === 'nodejs22.x') return this.#executeWithCallbacks(value, context);
      returned = this.#handler!(value, context);
    } catch (error) {
      this.#failed(error);
      return;
    }
    // If nothing that the handler started keeps the loop alive, its promise can't settle any more.
    connection.release();
    void this.#settle(returned);
  }

  #executeStreaming(event: unknown, context: HandlerContext, options: { highWaterMark?: number }): void {
    const { connection, output } = this.#host;
    const stream = new ResponseStream(connection, output.stream, options);
    this.#stream = stream;
    // The connection goes on keeping the loop alive, as AWS's open request does: a stream that nobody ends times out.
    runStreaming(this.#handler as unknown as StreamingHandler, event, stream, context).then(
      () => setImmediate(this.#streamed),
      (error) => this.#failed(error),
    );
  }

  readonly #streamed = (): void => {
    this.#host.flush();
    this.#host.connection.sendText(Kind.end, this.#host.output.stream, '');
    this.#ended();
  };

  #executeWithCallbacks(event: unknown, context: HandlerContext): void {
    const handler = this.#handler!;
    const callbacks = new Callbacks({
      succeed: (result) => {
        this.#result = result;
        setImmediate(this.#succeed);
      },
      fail: (error) => this.#failed(error),
    });
    this.#callbacks = callbacks;
    this.#host.connection.release();
    let returned: unknown;
    try {
      returned = handler(event, Object.assign(callbacks.context, context), callbacks.callback);
    } catch (error) {
      callbacks.callback(error ?? 'handled');
      return;
    }
    callbacks.returned(returned, handler);
  }

  async #settle(returned: unknown): Promise<void> {
    try {
      this.#result = await returned;
    } catch (error) {
      this.#failed(error);
      return;
    }
    setImmediate(this.#succeed);
  }

  readonly #succeed = (): void => {
    let body: string;
    try {
      body = serialise(this.#result, this.#init!.runtime);
    } catch (error) {
      this.#failed(error);
      return;
    } finally {
      this.#result = undefined;
    }
    this.#host.flush();
    this.#host.connection.hold();
    this.#state = 'responding';
    const computed = nodeTiming.idleTime === this.#sleptBefore;
    this.#responses.send(this.#host.output.stream, body, computed, this.#ended);
  };

  readonly #ended = (): void => {
    this.#host.output.stream = 0;
    this.#callbacks = undefined;
    this.#stream?.detach();
    this.#stream = undefined;
    this.#state = 'idle';
    const next = this.#waiting.shift();
    if (next !== undefined) this.#execute(next.stream, next.meta, next.event);
  };

  #failed(error: unknown): void {
    setImmediate(() => {
      this.crash('Invoke Error', error);
      this.#host.connection.hold();
      this.#ended();
    });
  }
}

function serialise(result: unknown, runtime: RuntimeId): string {
  try {
    // Undefined has no JSON; nor has a function or a symbol.
    return JSON.stringify(result) ?? 'null';
  } catch {
    throw new JsonStringifyError(runtime === 'nodejs22.x' ? 'Error' : 'Runtime.JSONStringifyError');
  }
}
