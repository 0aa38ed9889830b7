import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  encodeCredit,
  encodeFrame,
  encodeInvoke,
  encodeJson,
  FrameDecoder,
  INITIAL_CREDIT,
  Kind,
  type ErrorBody,
  type InvokeMeta,
  type RuntimeId,
} from '@hearth/protocol';

const EXEC = fileURLToPath(new URL('../exec.ts', import.meta.url));

export interface PeerOptions {
  /** Files of the task root, by path. */
  files: Record<string, string>;
  runtime?: RuntimeId;
  handler?: string;
  environment?: Record<string, string>;
  /** Arguments for Node, before the script. */
  execArgv?: string[];
  /** The script to run in place of the runtime's entry; it finds HEARTH_FD in its environment. */
  script?: string;
}

export interface Outcome {
  /** The response, unless the invocation failed. */
  body?: Buffer;
  error?: ErrorBody;
  /** What came of a response before the invocation failed. */
  partial?: Buffer;
  /** Where the response was streamed. */
  contentType?: string;
  /** All log text since the outcome before. */
  log: string;
}

/** The server's end of a sandbox's stream, with the sandbox: a real process that runs the real entry. */
export class SandboxPeer implements AsyncDisposable {
  readonly root: string;
  readonly socket: Socket;
  readonly child: ChildProcess;
  /** What the process wrote to descriptors 1 and 2. */
  stdio = '';
  /** How the process ended. */
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  /** The signal by which it said that it ends. */
  signal: string | undefined;
  readonly #directory: string;
  readonly #options: PeerOptions;
  #log = '';
  #chunks: Buffer[] = [];
  #contentType: string | undefined;
  /** Whether the streamed response was said to be whole. */
  whole = false;
  /** Whether chunks are granted anew as they come. */
  grants = true;
  #onProgress: (() => void) | undefined;
  /** Chunk bytes that the sandbox has sent beyond its credit; stays 0. */
  overdraft = 0;
  #granted = INITIAL_CREDIT;
  #credit = 0;
  #stream = 0;
  #waiting: ((outcome: Outcome | undefined) => void) | undefined;
  #onCredit: (() => void) | undefined;
  /** Gets all frames while an exchange is under way. */
  #observer: ((kind: Kind, stream: number, payload: Buffer) => void) | undefined;

  private constructor(directory: string, options: PeerOptions, socket: Socket, child: ChildProcess) {
    this.#directory = directory;
    this.root = join(directory, 'task');
    this.#options = options;
    this.socket = socket;
    this.child = child;
    const decoder = new FrameDecoder((kind, stream, payload) => this.#frame(kind, stream, payload));
    socket.on('data', (bytes: Buffer) => decoder.push(bytes));
    // A sandbox that is killed may reset its stream; `close` follows and is what tests look at.
    socket.on('error', () => {});
    socket.on('close', () => this.#settle(undefined));
    child.stdout!.on('data', (bytes: Buffer) => (this.stdio += bytes.toString()));
    child.stderr!.on('data', (bytes: Buffer) => (this.stdio += bytes.toString()));
    this.exited = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  }

  static async start(options: PeerOptions): Promise<SandboxPeer> {
    const directory = mkdtempSync(join(tmpdir(), 'hearth-runtime-'));
    for (const [path, text] of Object.entries(options.files)) {
      const file = join(directory, 'task', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    const server = createServer();
    server.listen(join(directory, 'sock'));
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const theirs = connect(join(directory, 'sock'));
    const [ours] = await accepted;
    server.close();
    const child = spawn(process.execPath, [...(options.execArgv ?? []), options.script ?? EXEC], {
      stdio: ['ignore', 'pipe', 'pipe', theirs],
      // As agents start it: in the function's environment.
      env: { ...environmentOf(options, join(directory, 'task')), HEARTH_FD: '3' },
    });
    theirs.destroy();
    return new SandboxPeer(directory, options, ours, child);
  }

  /** Starts a sandbox and its function, which must load. */
  static async ready(options: PeerOptions): Promise<SandboxPeer> {
    const peer = await SandboxPeer.start(options);
    const outcome = await peer.init();
    assert.equal(outcome?.error, undefined, JSON.stringify(outcome?.error));
    return peer;
  }

  /** Resolves to undefined if the stream closes first, as does {@link invoke}. */
  init(): Promise<Outcome | undefined> {
    return this.#send(
      0,
      encodeJson(Kind.init, 0, {
        runtime: this.#options.runtime ?? 'nodejs26.x',
        handler: this.#options.handler ?? 'index.handler',
        environment: environmentOf(this.#options, this.root),
        functionName: 'fn',
        version: '$LATEST',
        memoryMb: 128,
        logGroup: '/aws/lambda/fn',
        logStream: '2026/11/21/[$LATEST]0123456789abcdef0123456789abcdef',
      }),
    );
  }

  /** Sends frames in one write and resolves with the next `count` frames that come back, log frames left out. */
  exchange(sent: readonly Buffer[], count: number): Promise<{ kind: Kind; stream: number; text: string }[]> {
    return new Promise((resolve) => {
      const frames: { kind: Kind; stream: number; text: string }[] = [];
      this.#observer = (kind, stream, payload) => {
        if (kind !== Kind.log) frames.push({ kind, stream, text: payload.toString() });
        if (frames.length < count) return;
        this.#observer = undefined;
        resolve(frames);
      };
      this.socket.write(Buffer.concat(sent));
    });
  }

  async invoke(event: unknown = {}, meta: Partial<InvokeMeta> = {}): Promise<Outcome | undefined> {
    const bytes = event instanceof Buffer ? event : Buffer.from(JSON.stringify(event));
    const stream = ++this.#stream;
    const whole: InvokeMeta = {
      requestId: `request-${stream}`,
      timeoutMs: 60_000,
      arn: 'arn:aws:lambda:us-east-1:000000000000:function:fn',
      length: bytes.length,
      ...meta,
    };
    const { frame, inline } = encodeInvoke(stream, whole, bytes);
    this.#credit = INITIAL_CREDIT;
    this.#granted = INITIAL_CREDIT;
    const outcome = this.#send(stream, frame);
    for (let start = inline; start < bytes.length;) {
      const end = Math.min(bytes.length, start + 100_000, start + this.#credit);
      if (end === start) {
        await new Promise<void>((resolve) => (this.#onCredit = resolve));
        continue;
      }
      this.socket.write(encodeFrame(Kind.chunk, stream, bytes.subarray(start, end)));
      this.#credit -= end - start;
      start = end;
    }
    return outcome;
  }

  /** What has come of the response of the invocation that runs. */
  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Resolves once `reached` holds; looks when something comes of the response. */
  async until(reached: () => boolean): Promise<void> {
    while (!reached()) await new Promise<void>((resolve) => (this.#onProgress = resolve));
  }

  grant(bytes: number): void {
    this.socket.write(encodeCredit(this.#stream, bytes));
    this.#granted += bytes;
  }

  /** The response's JSON; fails the test if there is none. */
  async json(event?: unknown, meta?: Partial<InvokeMeta>): Promise<unknown> {
    const outcome = await this.invoke(event, meta);
    assert.ok(outcome?.body, `no response but ${JSON.stringify(outcome)}; ${this.stdio}`);
    return JSON.parse(outcome.body.toString());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    this.child.kill('SIGKILL');
    await this.exited;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #send(stream: number, frame: Buffer): Promise<Outcome | undefined> {
    assert.equal(this.#waiting, undefined, 'one at a time');
    this.#stream = stream;
    if (this.socket.destroyed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.socket.write(frame);
    });
  }

  #frame(kind: Kind, stream: number, payload: Buffer): void {
    if (this.#observer !== undefined) return this.#observer(kind, stream, payload);
    switch (kind) {
      case Kind.log:
        assert.equal(payload.at(-1), 0x0a, 'whole lines');
        this.#log += payload.toString();
        return;
      case Kind.init:
        return this.#settle({ log: this.#log });
      case Kind.error:
        return this.#settle({
          error: JSON.parse(payload.toString()) as ErrorBody,
          partial: this.received,
          log: this.#log,
          ...this.#streamed(),
        });
      case Kind.head:
        this.#contentType = payload.toString();
        return;
      case Kind.whole:
        assert.ok(this.#contentType !== undefined && !this.whole, 'the end of a stream that has begun');
        this.whole = true;
        return this.#onProgress?.();
      case Kind.chunk:
        this.#granted -= payload.length;
        if (this.#granted < 0) this.overdraft -= this.#granted;
        this.#chunks.push(Buffer.from(payload));
        assert.ok(!this.whole, 'nothing after the end');
        if (this.grants) this.grant(payload.length);
        return this.#onProgress?.();
      case Kind.credit:
        this.#credit += payload.readUInt32LE(0);
        this.#onCredit?.();
        return;
      case Kind.shutdown:
        this.signal = payload.toString();
        return;
      case Kind.end:
      case Kind.computed:
        assert.equal(stream, this.#stream);
        assert.equal(this.whole, this.#contentType !== undefined);
        return this.#settle({
          body: Buffer.concat([...this.#chunks, payload]),
          log: this.#log,
          ...this.#streamed(),
        });
      default:
        assert.fail(`a sandbox sent a frame of kind ${kind}`);
    }
  }

  #streamed(): { contentType?: string } {
    return this.#contentType === undefined ? {} : { contentType: this.#contentType };
  }

  #settle(outcome: Outcome | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (outcome !== undefined) {
      this.#log = '';
      this.#chunks = [];
      this.#contentType = undefined;
      this.whole = false;
    }
    waiting?.(outcome);
  }

  /** Log text that no outcome has carried yet. */
  get pendingLog(): string {
    return this.#log;
  }
}

function environmentOf({ environment }: PeerOptions, root: string): Record<string, string> {
  return { PATH: '/usr/bin:/bin', LAMBDA_TASK_ROOT: root, ...environment };
}
