/** A process that serves frames as a sandbox does and echoes each event: the other end of the router's benchmark. */
import { Socket } from 'node:net';
import { decodeInvoke, encodeFrame, FrameDecoder, Kind } from '@hearth/protocol';

const [, , path = '', ...tokens] = process.argv;
for (const token of tokens) {
  const socket = new Socket({
    onread: {
      buffer: Buffer.allocUnsafe(64 * 1024),
      callback: (size, buffer) => (decoder.push(Buffer.from(buffer.buffer, buffer.byteOffset, size)), true),
    },
  });
  const decoder = new FrameDecoder((kind, stream, payload) => {
    if (kind === Kind.init) socket.write(encodeFrame(Kind.init, 0));
    if (kind === Kind.invoke) socket.write(encodeFrame(Kind.end, stream, decodeInvoke(payload).event));
  });
  socket.connect(path, () => socket.write(encodeFrame(Kind.hello, 0, JSON.stringify({ role: 'sandbox', token }))));
}
