import type { Duplex } from 'node:stream';
import { encodeJson, FrameDecoder, FrameError, Kind } from '@hearth/protocol';
import type { FromAgent, ToAgent } from '@hearth/protocol';
import { CodeTransfer, transferError } from './code-transfer.ts';
import type { CodeSource } from './code-transfer.ts';

/** Transfers that one agent may have under way at once. */
const MAX_TRANSFERS = 64;

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
    const message = parseControl(payload);
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

/** Fields that each message must have, by type of value; checked because the sender is not trusted. */
const SHAPES: Record<FromAgent['type'], Record<string, 'string' | 'number' | 'object'>> = {
  ready: {},
  spare: { sandbox: 'string', token: 'string', slot: 'number' },
  placed: {
    sandbox: 'string',
    connection: 'string',
    slot: 'number',
    path: 'string',
    reason: 'string',
    times: 'object',
  },
  lost: { sandbox: 'string', reason: 'string', exit: 'object', maxMemoryMb: 'number' },
  usage: { sandboxes: 'object' },
  'fetch-code': { stream: 'number', sha256: 'string', account: 'string' },
  'want-volumes': { slots: 'object', sizeMb: 'number' },
  log: { level: 'string', message: 'string' },
};

function parseControl(payload: Buffer): FromAgent {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString('utf8'));
  } catch {
    throw new FrameError('a control message that is not JSON');
  }
  const message = value as Record<string, unknown> | null;
  const type = typeof message === 'object' ? message?.['type'] : undefined;
  if (typeof type !== 'string' || !Object.hasOwn(SHAPES, type)) throw new FrameError('an unknown control message');
  for (const [field, kind] of Object.entries(SHAPES[type as FromAgent['type']])) {
    if (typeof message![field] !== kind) throw new FrameError(`a "${type}" message without its "${field}"`);
  }
  return message as unknown as FromAgent;
}
