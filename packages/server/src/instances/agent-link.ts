import type { Duplex } from 'node:stream';
import { encodeJson, FrameDecoder, FrameError, Kind, MAX_TRANSFERS } from '@hearth/protocol';
import type { FromAgent, ToAgent } from '@hearth/protocol';
import { readAgentMessage } from './agent-messages.ts';
import { CodeTransfer, transferError } from './code-transfer.ts';
import type { CodeSource } from './code-transfer.ts';

export interface AgentLinkOptions {
  readonly stream: Duplex;
  readonly code: CodeSource;
  /** Whose instance this is now. */
  readonly account: () => string | undefined;
  /** Every message but `fetch-code`, which the link answers itself. */
  readonly onMessage: (message: FromAgent) => void;
  /** Once. */
  readonly onClosed: (reason: string) => void;
}

/**
 * The server's end of an agent's link: control messages both ways, and code on request. An agent is as hostile as what
 * it holds: it gets code of its instance's account only, and whatever it sends amiss ends the link.
 */
export class AgentLink implements Disposable {
  readonly #options: AgentLinkOptions;
  readonly #transfers = new Map<number, CodeTransfer>();
  #closed = false;

  constructor(options: AgentLinkOptions) {
    this.#options = options;
    const decoder = new FrameDecoder(this.#onFrame);
    options.stream.on('data', (bytes: Buffer) => {
      try {
        decoder.push(bytes);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        this.#close(`the agent broke the protocol: ${error.message}`);
      }
    });
    options.stream.on('error', (error) => this.#close(`the agent's link failed: ${error.message}`));
    options.stream.on('close', () => this.#close("the agent's link closed"));
    options.stream.resume();
  }

  send(message: ToAgent): void {
    if (!this.#closed) this.#write(encodeJson(Kind.control, 0, message));
  }

  [Symbol.dispose](): void {
    this.#close('the server let the instance go');
  }

  #write(frame: Buffer): void {
    if (!this.#closed) this.#options.stream.write(frame);
  }

  #close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const transfer of this.#transfers.values()) transfer[Symbol.dispose]();
    this.#transfers.clear();
    this.#options.stream.destroy();
    this.#options.onClosed(reason);
  }

  readonly #onFrame = (kind: Kind, stream: number, payload: Buffer): void => {
    if (this.#closed) return;
    if (kind === Kind.credit) {
      if (payload.length !== 4) throw new FrameError('a credit frame without its number');
      this.#transfers.get(stream)?.grant(payload.readUInt32LE(0));
      return;
    }
    if (kind !== Kind.control) throw new FrameError(`a frame of kind ${kind} on an agent's link`);
    const message = readAgentMessage(payload);
    if (message.type === 'fetch-code') this.#fetch(message.stream, message.account, message.sha256);
    else this.#options.onMessage(message);
  };

  #fetch(stream: number, account: string, sha256: string): void {
    if (this.#transfers.has(stream)) throw new FrameError(`transfer ${stream} is under way already`);
    const refuse = (message: string): void => this.#write(transferError(stream, message));
    if (account !== this.#options.account()) return refuse('the instance does not belong to that account');
    if (this.#transfers.size >= MAX_TRANSFERS) return refuse(`${MAX_TRANSFERS} transfers are under way`);
    const source = this.#options.code.open(account, sha256);
    if (source === undefined) return refuse('the account has no such code');
    const done = (): void => void this.#transfers.delete(stream);
    this.#transfers.set(stream, new CodeTransfer(stream, source, (frame) => this.#write(frame), done));
  }
}
