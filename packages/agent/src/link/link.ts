/** The agent's one way to the server: control messages and code, over a byte stream. */
import { connect, type Socket } from 'node:net';
import { encodeCredit, encodeJson, FrameDecoder, type FromAgent, Kind, type ToAgent } from '@hearth/protocol';

/** Takes the pieces of a transfer. */
export interface TransferSink {
  /** May answer with a promise; no more is granted until it resolves. */
  write(piece: Buffer): Promise<void>;
  end(): void;
  fail(error: Error): void;
}

export class Link {
  readonly #socket: Socket;
  readonly #transfers = new Map<number, TransferSink>();
  #nextStream = 1;

  /**
   * @param onControl called for each control message.
   * @param onEnd called once when the server is gone.
   */
  constructor(path: string, token: string, onControl: (message: ToAgent) => void, onEnd: () => void) {
    this.#socket = connect(path);
    const decoder = new FrameDecoder((kind, stream, payload) => {
      if (kind === Kind.control) onControl(JSON.parse(payload.toString()) as ToAgent);
      else this.#transfer(kind, stream, payload);
    });
    this.#socket.on('data', (bytes: Buffer) => decoder.push(bytes));
    this.#socket.on('error', () => {});
    this.#socket.once('close', onEnd);
    this.#socket.write(encodeJson(Kind.hello, 0, { role: 'agent', token, version: '1' }));
  }

  send(message: FromAgent): void {
    this.#socket.write(encodeJson(Kind.control, 0, message));
  }

  /** Asks for a piece of code. */
  fetch(account: string, sha256: string, sink: TransferSink): void {
    const stream = this.#nextStream++;
    this.#transfers.set(stream, sink);
    this.send({ type: 'fetch-code', stream, sha256, account });
  }

  #transfer(kind: Kind, stream: number, payload: Buffer): void {
    const sink = this.#transfers.get(stream);
    if (sink === undefined) return;
    if (kind === Kind.chunk) {
      const piece = Buffer.from(payload);
      sink.write(piece).then(
        () => this.#socket.write(encodeCredit(stream, piece.length)),
        (error: unknown) => {
          this.#transfers.delete(stream);
          sink.fail(error instanceof Error ? error : new Error(String(error)));
        },
      );
      return;
    }
    this.#transfers.delete(stream);
    if (kind === Kind.end) sink.end();
    else sink.fail(new Error(payload.toString()));
  }
}
