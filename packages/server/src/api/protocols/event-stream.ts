import { EventStreamCodec } from '@smithy/core/event-streams';

/** https://smithy.io/2.0/aws/amazon-eventstream.html */
export const EVENT_STREAM = 'application/vnd.amazon.eventstream';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(),
  (text) => Buffer.from(text),
);

/**
 * One event of a response.
 *
 * @param type the member of the operation's event union.
 * @param contentType of the body: `application/octet-stream` where the event's payload is a blob.
 */
export function encodeEvent(type: string, contentType: string, body: Uint8Array): Uint8Array {
  return codec.encode({
    headers: {
      ':event-type': { type: 'string', value: type },
      ':content-type': { type: 'string', value: contentType },
      ':message-type': { type: 'string', value: 'event' },
    },
    body,
  });
}
