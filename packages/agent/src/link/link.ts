/** The agent's one way to the server: control messages and code, over a byte stream. */
import { connect, type Socket } from 'node:net';
import {
  encodeCredit,
  encodeJson,
  FrameDecoder,
  type FromAgent,
  INITIAL_CREDIT,
  Kind,
  MAX_TRANSFERS,
  type ToAgent,
} from '@hearth/protocol';

/** Takes the pieces of a transfer. */
export interface TransferSink {
  /** May answer with a promise; no more is granted until it resolves. */
  write(piece: Buffer): Promise<void>;
  end(): void;
  fail(error: Error): void;
}

/** Credit is granted in such amounts: whoever has less left has more coming, and a short transfer needs none. */
const GRANT = INITIAL_CREDIT / 2;

interface Transfer {
  /** Absent once it has failed: what still comes is let go, so that the server reaches the end. */
  sink: TransferSink | undefined;
  /** Bytes dealt with for which no credit was granted yet. */
  taken: number;
}

export class Link {
  readonly #socket: Socket;
  readonly #transfers = new Map<number, Transfer>();
  /** To be begun, by whoever comes first, when there are fewer under way: the server would refuse more. */
  readonly #waiting: (() => void)[] = [];
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
    if (this.#transfers.size >= MAX_TRANSFERS) {
      this.#waiting.push(() => this.fetch(account, sha256, sink));
      return;
    }
    const stream = this.#nextStream++;
    this.#transfers.set(stream, { sink, taken: 0 });
    this.send({ type: 'fetch-code', stream, sha256, account });
  }

  #transfer(kind: Kind, stream: number, payload: Buffer): void {
    const transfer = this.#transfers.get(stream);
    if (transfer === undefined) return;
    if (kind === Kind.chunk) {
      void this.#take(stream, transfer, Buffer.from(payload));
      return;
    }
    this.#transfers.delete(stream);
    this.#waiting.shift()?.();
    if (kind === Kind.end) transfer.sink?.end();
    else transfer.sink?.fail(new Error(payload.toString()));
  }

  async #take(stream: number, transfer: Transfer, piece: Buffer): Promise<void> {
    try {
      await transfer.sink?.write(piece);
    } catch (error) {
      transfer.sink?.fail(error instanceof Error ? error : new Error(String(error)));
      transfer.sink = undefined;
    }
    transfer.taken += piece.length;
    if (transfer.taken < GRANT) return;
    this.#socket.write(encodeCredit(stream, transfer.taken));
    transfer.taken = 0;
  }
}
