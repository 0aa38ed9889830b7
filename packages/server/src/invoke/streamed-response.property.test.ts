import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { INITIAL_CREDIT, MAX_FRAME } from '@hearth/protocol';
import type { ResponseSink, ResponseSource } from './invocation.ts';
import { StreamedResponse } from './streamed-response.ts';

/** A sandbox that sends what it may, and a client that reads as it likes. */
class Wire implements ResponseSink {
  readonly #response: StreamedResponse;
  #source: ResponseSource | undefined;
  /** What the client takes before it has enough: bytes. */
  #appetite = 0;
  #credit = INITIAL_CREDIT;
  #sent = 0;
  #received = 0;
  #held = false;
  ended = false;

  constructor() {
    this.#response = new StreamedResponse(this, { contentType: 'a/b', startPath: 'warm' }, (bytes) => {
      assert.ok(bytes > 0);
      this.#credit += bytes;
    });
  }

  begin(_head: object, source: ResponseSource): void {
    this.#source = source;
  }

  write(bytes: Buffer): boolean {
    assert.ok(!this.#held || this.ended, 'a client that has enough gets nothing but the rest, at the end');
    // Byte n of the whole is n, cut to a byte.
    for (let i = 0; i < bytes.length; i += 97) assert.equal(bytes[i], (this.#received + i) & 255);
    this.#received += bytes.length;
    this.#appetite -= bytes.length;
    this.#held = this.#appetite <= 0;
    return !this.#held;
  }

  whole(): void {
    assert.equal(this.#received, this.#sent);
  }

  /** The sandbox writes, as far as it is granted. */
  send(bytes: number): void {
    const part = Buffer.allocUnsafe(Math.min(bytes, this.#credit));
    for (let i = 0; i < part.length; i++) part[i] = (this.#sent + i) & 255;
    this.#sent += part.length;
    this.#credit -= part.length;
    this.#response.add(part);
    part.fill(0);
    assert.ok(this.#sent - this.#received <= INITIAL_CREDIT, 'more is held than was granted');
  }

  eat(bytes: number): void {
    this.#appetite = Math.max(0, this.#appetite) + bytes;
    this.#held = false;
    this.#source!.resume();
  }

  /** With a client that takes all, the sandbox can always send more. */
  hungry(): void {
    this.eat(Number.MAX_SAFE_INTEGER / 2);
    assert.equal(this.#received, this.#sent);
    assert.ok(this.#credit > INITIAL_CREDIT / 2, `${this.#credit} bytes of credit are left`);
  }

  end(): void {
    this.ended = true;
    this.#response.whole();
  }
}

test('however a sandbox cuts and a client reads: each byte arrives once, in order, within the credit, and nothing gets stuck', async () => {
  const step = fc.oneof(
    fc.record({ send: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: MAX_FRAME })) }),
    fc.record({ eat: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: INITIAL_CREDIT })) }),
    fc.constant('turn' as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, reads) => {
      const wire = new Wire();
      for (const each of steps) {
        if (each === 'turn') await Promise.resolve();
        else if ('send' in each) wire.send(each.send);
        else wire.eat(each.eat);
      }
      await Promise.resolve();
      if (reads) wire.hungry();
      wire.end();
    }),
    { numRuns: 1000 },
  );
});
