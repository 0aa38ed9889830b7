import type { Duplex } from 'node:stream';
import { HEADER_BYTES, Kind } from '@hearth/protocol';
import type { Hello } from '@hearth/protocol';
import type { Clock } from './clock.ts';

/** A hello is a short JSON object: role, token, perhaps an id. */
const MAX_HELLO = 1024;
const MAX_WORD = 256;

/**
 * Reads the hello frame of a new connection. Calls back with it, the stream paused and whatever came after it put
 * back; or destroys the stream: when the bytes are no hello, or it has not come after `timeoutMs`.
 */
export function readHello(stream: Duplex, clock: Clock, timeoutMs: number, onHello: (hello: Hello) => void): void {
  let held: Buffer = Buffer.alloc(0);
  const timer = clock.setTimer(timeoutMs, () => stream.destroy());
  const onData = (bytes: Buffer): void => {
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
    if (held.length < HEADER_BYTES) return;
    const length = held.readUInt32LE(0);
    if (length > MAX_HELLO || held.readUInt32LE(4) !== Kind.hello || held.readUInt32LE(8) !== 0) {
      stream.destroy();
      return;
    }
    if (held.length < HEADER_BYTES + length) return;
    stop();
    stream.pause();
    const hello = parseHello(held.toString('utf8', HEADER_BYTES, HEADER_BYTES + length));
    if (hello === undefined) {
      stream.destroy();
      return;
    }
    if (held.length > HEADER_BYTES + length) stream.unshift(held.subarray(HEADER_BYTES + length));
    onHello(hello);
  };
  const stop = (): void => {
    timer.cancel();
    stream.off('data', onData);
    stream.off('close', stop);
  };
  stream.on('data', onData);
  stream.on('close', stop);
}

/** The hello in this text, or undefined. Nothing of it is trusted but its shape. */
function parseHello(text: string): Hello | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { role, token, version, sandbox } = value as Record<string, unknown>;
  if (!isWord(token)) return undefined;
  if (role === 'agent') return isWord(version) ? { role, token, version } : undefined;
  if (role === 'sandbox' || role === 'stdio') return { role, token };
  if (role === 'relay') return isWord(sandbox) ? { role, token, sandbox } : undefined;
  return undefined;
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_WORD;
}
