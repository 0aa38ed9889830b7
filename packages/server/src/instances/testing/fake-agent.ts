import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import {
  decodeInvoke,
  encodeCredit,
  encodeFrame,
  encodeJson,
  FrameDecoder,
  INITIAL_CREDIT,
  INLINE_BODY,
  Kind,
} from '@hearth/protocol';
import type {
  CodeRef,
  FromAgent,
  FunctionSpec,
  Hello,
  InitMessage,
  InvokeMeta,
  Packages,
  SandboxExit,
  ToAgent,
} from '@hearth/protocol';

/** Code that begins with `broken` can't be unpacked. */
const NO_ZIP = 'it is no zip file';

/** What a handler of the fake can do besides answering. */
export interface FakeContext {
  readonly sandbox: FakeSandbox;
  readonly meta: InvokeMeta;
  readonly init: InitMessage;
  readonly log: (text: string) => void;
  readonly streamed: FakeStream;
}

/** Streams a response, and leaves it to its user to stay within what is granted. */
export interface FakeStream {
  head(contentType: string): void;
  write(bytes: Buffer | string): void;
  whole(): void;
  /** Bytes that were granted since the invocation began. */
  granted(): number;
}

/** Function code of the fake: returns the response, throws an `Error` to fail, never settles to hang. */
export type FakeHandler = (event: Buffer, context: FakeContext) => Promise<Buffer> | Buffer;

export interface FakeAgentOptions {
  readonly token: string;
  /** Opens a new stream to the server. */
  readonly connect: () => Duplex;
  /** By the handler that a function names; init fails where there is none. */
  readonly handlers: Readonly<Record<string, FakeHandler>>;
  /** Init of these handlers never ends. */
  readonly hangingInits?: ReadonlySet<string>;
  /** Called when a sandbox starts to execute or has finished, for tests that watch what runs at once. */
  readonly onExecution?: (sandbox: FakeSandbox, running: boolean) => void;
}

/** A sandbox of the fake agent: one stream to the server, and a handler in this process. */
export class FakeSandbox {
  readonly connection: string;
  readonly slot: number;
  readonly stream: Duplex;
  readonly stdio: Duplex;
  /** The server's id, once it is placed. */
  id: string;
  spec: FunctionSpec | undefined;
  /** Kept by handlers between invocations. */
  counter = 0;
  readonly #options: FakeAgentOptions;
  #granted = 0;
  #init: InitMessage | undefined;
  #event: { meta: InvokeMeta; stream: number; parts: Buffer[]; missing: number } | undefined;
  #executing = false;
  /** What was sent ahead and has not begun. */
  readonly #waiting: { meta: InvokeMeta; stream: number; event: Buffer }[] = [];
  #response: { body: Buffer; stream: number; sent: number; credit: number } | undefined;

  constructor(connection: string, slot: number, token: string, options: FakeAgentOptions) {
    this.connection = connection;
    this.id = connection;
    this.slot = slot;
    this.#options = options;
    this.stream = options.connect();
    this.stream.write(encodeJson(Kind.hello, 0, { role: 'sandbox', token } satisfies Hello));
    this.stdio = options.connect();
    this.stdio.write(encodeJson(Kind.hello, 0, { role: 'stdio', token } satisfies Hello));
    const decoder = new FrameDecoder((kind, stream, payload) => this.#onFrame(kind, stream, payload));
    this.stream.on('data', (bytes: Buffer) => decoder.push(bytes));
    this.stream.on('error', () => this.stream.destroy());
    this.stdio.on('error', () => this.stdio.destroy());
    this.stdio.resume();
  }

  #onFrame(kind: Kind, stream: number, payload: Buffer): void {
    if (kind === Kind.init) {
      this.#init = JSON.parse(payload.toString()) as InitMessage;
      const { handler } = this.#init;
      if (this.#options.hangingInits?.has(handler) === true) return;
      if (this.#options.handlers[handler] !== undefined) this.stream.write(encodeFrame(Kind.init, 0));
      else {
        const error = { errorType: 'Runtime.HandlerNotFound', errorMessage: `${handler} is undefined or not exported` };
        this.stream.write(encodeJson(Kind.error, 0, error));
      }
    } else if (kind === Kind.invoke) {
      const { meta, event } = decodeInvoke(payload);
      if (this.#executing) {
        this.#waiting.push({ meta, stream, event: Buffer.from(event) });
        return;
      }
      this.#event = { meta, stream, parts: [], missing: meta.length };
      this.#onEvent(event);
    } else if (kind === Kind.chunk) {
      this.stream.write(encodeCredit(stream, payload.length));
      this.#onEvent(payload);
    } else if (kind === Kind.withdraw) {
      this.#waiting.length = 0;
      this.stream.write(encodeFrame(Kind.withdraw, 0));
    } else if (kind === Kind.credit) {
      this.#granted += payload.readUInt32LE(0);
      if (this.#response === undefined) return;
      this.#response.credit += payload.readUInt32LE(0);
      this.#pump();
    }
  }

  #onEvent(part: Buffer): void {
    const receiving = this.#event!;
    receiving.parts.push(Buffer.from(part));
    receiving.missing -= part.length;
    if (receiving.missing > 0) return;
    void this.#execute(receiving.meta, receiving.stream, Buffer.concat(receiving.parts));
  }

  async #execute(meta: InvokeMeta, stream: number, event: Buffer): Promise<void> {
    this.#executing = true;
    this.#options.onExecution?.(this, true);
    const log = (text: string): void => void this.stream.write(encodeFrame(Kind.log, stream, text));
    const send = (what: Kind, payload: Buffer | string): void =>
      void this.stream.write(encodeFrame(what, stream, payload));
    this.#granted = 0;
    const streamed: FakeStream = {
      head: (contentType) => send(Kind.head, contentType),
      write: (bytes) => send(Kind.chunk, bytes),
      whole: () => send(Kind.whole, ''),
      granted: () => this.#granted,
    };
    try {
      const handler = this.#options.handlers[this.#init!.handler]!;
      const body = await handler(event, { sandbox: this, meta, init: this.#init!, log, streamed });
      this.#options.onExecution?.(this, false);
      this.#response = { body, stream, sent: 0, credit: INITIAL_CREDIT };
      this.#pump();
    } catch (error) {
      this.#options.onExecution?.(this, false);
      const { name, message } = error as Error;
      this.#end(encodeJson(Kind.error, stream, { errorType: name, errorMessage: message, trace: [] }));
    }
  }

  /** Ends an invocation and begins the next, whatever the server does when it hears of that end: a process can't know. */
  #end(frame: Buffer): void {
    const next = this.stream.destroyed ? undefined : this.#waiting.shift();
    this.#executing = next !== undefined;
    this.stream.write(frame);
    if (next !== undefined) void this.#execute(next.meta, next.stream, next.event);
  }

  #pump(): void {
    const response = this.#response!;
    while (response.body.length - response.sent > INLINE_BODY) {
      const size = Math.min(INLINE_BODY, response.credit, response.body.length - response.sent - INLINE_BODY);
      if (size === 0) return;
      const part = response.body.subarray(response.sent, response.sent + size);
      this.stream.write(encodeFrame(Kind.chunk, response.stream, part));
      response.sent += size;
      response.credit -= size;
    }
    this.#response = undefined;
    this.#end(encodeFrame(Kind.end, response.stream, response.body.subarray(response.sent)));
  }
}

/** An agent in this process: speaks the protocol as the real one does, and runs handlers instead of processes. */
export class FakeAgent {
  readonly sandboxes = new Map<string, FakeSandbox>();
  /** Hashes of the code that was fetched, in order. */
  readonly fetched: string[] = [];
  /** Messages of the server, in order. */
  readonly received: ToAgent[] = [];
  /** While set, nothing is answered. */
  stuck = false;
  /** What it answers when it is asked whether all is well. */
  problems: string[] = [];
  readonly link: Duplex;
  readonly #options: FakeAgentOptions;
  readonly #spares: FakeSandbox[] = [];
  /** Code by its hash: undefined, or why it can't be used. */
  readonly #cache = new Map<string, Promise<string | undefined>>();
  readonly #transfers = new Map<number, { parts: Buffer[]; settle: (failure?: string) => void }>();
  readonly #freeSlots: number[] = [];
  #slots = 0;
  #sequence = 0;
  #spareTarget = 0;

  constructor(options: FakeAgentOptions) {
    this.#options = options;
    this.link = options.connect();
    this.link.write(
      encodeJson(Kind.hello, 0, { role: 'agent', token: options.token, version: 'fake' } satisfies Hello),
    );
    const decoder = new FrameDecoder((kind, stream, payload) => this.#onFrame(kind, stream, payload));
    this.link.on('data', (bytes: Buffer) => decoder.push(bytes));
    this.link.on('error', () => this.link.destroy());
    this.link.on('close', () => this.#end());
  }

  /** The sandbox's first process ends by itself. */
  exit(sandbox: FakeSandbox, exit: SandboxExit): void {
    this.#lose(sandbox, 'it ended', exit);
  }

  /** The whole instance is gone, as if its machine had lost power. */
  kill(): void {
    this.link.destroy();
    this.#end();
  }

  send(message: FromAgent): void {
    if (!this.link.destroyed) this.link.write(encodeJson(Kind.control, 0, message));
  }

  #end(): void {
    for (const sandbox of [...this.sandboxes.values(), ...this.#spares]) {
      sandbox.stream.destroy();
      sandbox.stdio.destroy();
    }
    this.sandboxes.clear();
  }

  #onFrame(kind: Kind, stream: number, payload: Buffer): void {
    const transfer = this.#transfers.get(stream);
    if (kind === Kind.chunk) {
      transfer?.parts.push(Buffer.from(payload));
      this.link.write(encodeCredit(stream, payload.length));
    } else if (kind === Kind.end) transfer?.settle();
    else if (kind === Kind.error)
      transfer?.settle((JSON.parse(payload.toString()) as { errorMessage: string }).errorMessage);
    else this.#onControl(JSON.parse(payload.toString()) as ToAgent);
  }

  #onControl(message: ToAgent): void {
    this.received.push(message);
    if (this.stuck) return;
    if (message.type === 'configure') {
      this.#spareTarget = message.spares;
      this.#refill();
      this.send({ type: 'ready' });
    } else if (message.type === 'preload') void this.#preload(message.request, message.packages);
    else if (message.type === 'place') void this.#place(message.sandbox, message.spec);
    else if (message.type === 'destroy') {
      const sandbox = this.sandboxes.get(message.sandbox);
      if (sandbox !== undefined)
        this.#lose(sandbox, message.reason, { code: null, signal: 'SIGKILL', outOfMemory: false });
    } else if (message.type === 'measure') {
      const usage = message.sandboxes.map((sandbox) => ({ sandbox, usedBytes: 10 << 20, maxBytes: 12 << 20 }));
      this.send({ type: 'usage', sandboxes: usage });
    } else if (message.type === 'check') {
      this.send({ type: 'health', check: message.check, problems: this.problems });
    }
  }

  async #place(id: string, spec: FunctionSpec): Promise<void> {
    const failure = await this.#code(spec);
    if (failure !== undefined) {
      const brokenPackage = failure === NO_ZIP;
      this.send({ type: 'lost', sandbox: id, reason: failure, exit: null, maxMemoryMb: 0, brokenPackage });
      return;
    }
    const spare = this.#spares.shift();
    const sandbox = spare ?? this.#fork();
    sandbox.id = id;
    sandbox.spec = spec;
    this.sandboxes.set(id, sandbox);
    const { connection, slot } = sandbox;
    const reason = spare === undefined ? 'no spare was ready' : 'a spare was ready';
    const path = spare === undefined ? 'fork' : 'spare';
    this.send({ type: 'placed', sandbox: id, connection, slot, path, reason, times: { code: 0, sandbox: 0 } });
    this.#refill();
  }

  async #preload(request: number, packages: readonly Packages[]): Promise<void> {
    const failures = await Promise.all(packages.map((wanted) => this.#code(wanted)));
    const failure = failures.find((reason) => reason !== undefined);
    this.send({ type: 'preloaded', request, ...(failure !== undefined && { failure }) });
  }

  /** Fetches code and layers and checks their hashes; why they can't be used, if that is so. */
  async #code({ account, code, layers = [] }: Packages): Promise<string | undefined> {
    for (const archive of [code, ...layers]) {
      const failure = await this.#archive(account, archive);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  async #archive(account: string, archive: CodeRef): Promise<string | undefined> {
    const { sha256 } = archive;
    const coming = this.#cache.get(sha256) ?? this.#fetch(account, archive);
    this.#cache.set(sha256, coming);
    const failure = await coming;
    if (failure !== undefined) this.#cache.delete(sha256);
    return failure;
  }

  async #fetch(account: string, code: CodeRef): Promise<string | undefined> {
    const stream = ++this.#sequence;
    const parts: Buffer[] = [];
    const failure = await new Promise<string | undefined>((resolve) => {
      this.#transfers.set(stream, { parts, settle: resolve });
      this.send({ type: 'fetch-code', stream, sha256: code.sha256, account });
    });
    this.#transfers.delete(stream);
    if (failure !== undefined) return failure;
    const archive = Buffer.concat(parts);
    const hash = createHash('sha256').update(archive).digest('hex');
    if (hash !== code.sha256) return 'the code is not what its hash says';
    if (archive.toString().startsWith('broken')) return NO_ZIP;
    this.fetched.push(hash);
    return undefined;
  }

  #refill(): void {
    while (this.#spares.length < this.#spareTarget && !this.link.destroyed) this.#spares.push(this.#fork());
  }

  #fork(): FakeSandbox {
    const connection = `fake-${++this.#sequence}`;
    const token = `token-${connection}-${Math.random()}`;
    const slot = this.#freeSlots.pop() ?? this.#slots++;
    this.send({ type: 'spare', sandbox: connection, token, slot });
    return new FakeSandbox(connection, slot, token, this.#options);
  }

  #lose(sandbox: FakeSandbox, reason: string, exit: SandboxExit): void {
    if (!this.sandboxes.delete(sandbox.id)) return;
    sandbox.stream.destroy();
    sandbox.stdio.destroy();
    this.#freeSlots.push(sandbox.slot);
    this.send({ type: 'lost', sandbox: sandbox.id, connection: sandbox.connection, reason, exit, maxMemoryMb: 20 });
  }
}
