import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { encodeFrame, encodeInvoke, encodeJson, FrameDecoder, INLINE_BODY, Kind } from '@hearth/protocol';
import { installClock } from './clock.ts';
import { Connection, type OnRead } from './connection.ts';
import type { LogMethods } from './console.ts';
import { replaceEnvironment } from './environment.ts';
import { FunctionLog } from './function-log.ts';
import { loadHandler } from './load-handler.ts';
import { LogOutput } from './log-output.ts';
import { installModulePaths } from './module-paths.ts';
import { OWN_RUNTIME } from './own-runtime.ts';
import { preload } from './preload.ts';
import { SEED_BYTES, SeededRandom } from './random.ts';
import { ResponseSender } from './response.ts';
import { ResponseStream } from './response-stream.ts';
import { Session } from './session.ts';
import { StandardStream } from './standard-stream.ts';

/** After about ten times V8 has compiled what is used and Node has made what it makes lazily. */
const ROUNDS = 10;

/** What the rehearsed functions do: what most functions do. They find their console in the event. */
const HANDLER = `
  const rehearse = async (event, context) => {
    const { console } = globalThis[Symbol.for('hearth.rehearsal')];
    console.log('event %s %d %j', event.name, 1, [event.name], { a: [1, 2, { b: null }] }, new Map([['a', 1]]));
    console.error(new Error('rehearsal'));
    await new Promise((resolve) => setTimeout(resolve, 0));
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.resolve().then(() => queueMicrotask(() => {}));
    if (event.fail) throw new TypeError('rehearsal');
    return { statusCode: 200, body: JSON.stringify(event.name), left: context.getRemainingTimeInMillis() };
  };
`;

/** Longer than fits into one frame. */
const LONG = 'x'.repeat(INLINE_BODY * 2);

const REHEARSAL = Symbol.for('hearth.rehearsal');

export interface WarmUpOptions {
  /** How often everything is rehearsed. */
  rounds?: number;
  /** Opens the stream of a sandbox as the zygote's forks do: connects to a Unix socket and returns the descriptor. */
  connect?: (path: string) => number;
}

/**
 * Rehearses what sandboxes will do, so that the forks of this process find their code loaded and compiled: whole lives
 * of sandboxes, over real sockets, with real modules. Leaves no handle or timer behind, and of its changes only
 * the hook of module-paths.ts, which every sandbox needs.
 *
 * @throws if the temporary directory can't be written.
 */
export async function warmUp({ rounds = ROUNDS, connect: connectFd }: WarmUpOptions = {}): Promise<void> {
  preload();
  for (let round = 0; round < rounds; round++) rehearseIdentity();

  const directory = mkdtempSync(join(tmpdir(), 'rehearsal-'));
  const server = createServer();
  try {
    server.listen(join(directory, 'sock'));
    await once(server, 'listening');
    for (let round = 0; round < rounds; round++) await rehearse(server, directory, round, connectFd);
  } finally {
    Reflect.deleteProperty(globalThis, REHEARSAL);
    server.close();
    await once(server, 'close');
    // Handles are closed at the end of a turn of the event loop.
    await setImmediate();
    await setImmediate();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The parts of `renewIdentity` that can be tried without leaving a trace. */
function rehearseIdentity(): void {
  const random = new SeededRandom();
  for (let count = 0; count < 1000; count++) random.next();
  random.reseed(Buffer.alloc(SEED_BYTES));
  const clock = { now: () => 0, mark: () => {}, measure: () => {}, toJSON: () => ({}), timeOrigin: 0 };
  installClock(Object.create(clock) as Performance, { uptime: () => 0 }).restart();
}

async function rehearse(
  server: Server,
  directory: string,
  round: number,
  connectFd: WarmUpOptions['connect'],
): Promise<void> {
  const esModule = round % 2 === 0;
  const file = `function${round}`;
  writeFileSync(
    join(directory, file + (esModule ? '.mjs' : '.cjs')),
    HANDLER + (esModule ? 'export const handler = rehearse;' : 'exports.handler = rehearse;'),
  );
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const sandbox = openSandbox(join(directory, 'sock'), directory, connectFd);
  const [socket] = await accepted;
  const peer = new Rehearser(socket);
  await peer.ask(
    encodeJson(Kind.init, 0, {
      runtime: OWN_RUNTIME,
      handler: `${file}.handler`,
      environment: { PATH: '/usr/bin' },
      functionName: 'rehearsal',
      version: '$LATEST',
      memoryMb: 128,
      logGroup: 'rehearsal',
      logStream: 'rehearsal',
    }),
  );
  await peer.invoke({ name: 'short' });
  await peer.invoke({ name: 'failing', fail: true });
  await peer.invoke({ name: 'long', padding: LONG });
  // Without a socket: a sandbox waits while its socket is full, and here the reader is in the same process.
  new ResponseSender({ sendText: () => false, sendBytes: () => {} }).send(1, LONG, true, () => {});
  await rehearseStreaming();
  const closed = Promise.all([once(socket, 'close'), once(sandbox.socket, 'close')]);
  sandbox.connection[Symbol.dispose]();
  await closed;
}

/** Costs functions that don't stream nothing: what it loads and compiles stays in the zygote. */
async function rehearseStreaming(): Promise<void> {
  const stream = new ResponseStream({ sendText: () => true, sendBytes: () => {} }, 1);
  stream.setContentType('text/plain');
  stream.write('short');
  stream.end(LONG);
  await once(stream, 'close');
}

/** A sandbox like that of run-sandbox.ts, but one that leaves the process alone. */
function openSandbox(
  path: string,
  root: string,
  connectFd: WarmUpOptions['connect'],
): { connection: Connection; socket: Socket } {
  let socket!: Socket;
  const open = (onread: OnRead): Socket =>
    connectFd === undefined ? connect({ path, onread }) : new Socket({ fd: connectFd(path), onread });
  const connection = new Connection((onread) => (socket = open(onread)), {
    frame: (kind, stream, payload) => session.frame(kind, stream, payload),
    closed: () => {},
  });
  const output = new LogOutput(connection);
  const stdout = new StandardStream(1, output);
  const console = {} as LogMethods;
  const log = new FunctionLog(console, output, [stdout]);
  Reflect.set(globalThis, REHEARSAL, { console });
  const environment: NodeJS.ProcessEnv = {};
  const session = new Session({
    connection,
    output,
    environment,
    logError: (headline, thrown) => log.error(headline, thrown),
    flush: () => log.flush(),
    init: async (message) => {
      log.become(message.runtime, message.environment);
      replaceEnvironment(environment, message.environment);
      installModulePaths(environment);
      stdout.write('rehearsal\nunfinished');
      return loadHandler(root, message.handler);
    },
    exit: () => {},
    shutdown: () => {},
  });
  return { connection, socket };
}

const ANSWERS: ReadonlySet<Kind> = new Set([Kind.init, Kind.end, Kind.computed, Kind.error]);

/** The server's part in a rehearsal. */
class Rehearser {
  readonly #socket: Socket;
  #answered: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    const decoder = new FrameDecoder((kind) => {
      if (ANSWERS.has(kind)) this.#answered?.();
    });
    socket.on('data', (bytes) => decoder.push(bytes as Buffer));
  }

  ask(frame: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.write(frame);
    });
  }

  async invoke(event: object): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(event));
    const meta = { requestId: 'rehearsal', timeoutMs: 3000, arn: 'arn', length: bytes.length };
    const { frame, inline } = encodeInvoke(1, meta, bytes);
    const answered = this.ask(frame);
    for (let start = inline; start < bytes.length; start += INLINE_BODY) {
      this.#socket.write(encodeFrame(Kind.chunk, 1, bytes.subarray(start, start + INLINE_BODY)));
    }
    await answered;
  }
}
