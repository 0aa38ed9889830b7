/** Thousands of connections that want nothing, or never say what: who wants something is served meanwhile, and nothing is left of them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { eventually } from './testing/eventually.ts';
import { Hearth } from './testing/hearth.ts';

const IDLE = 5_000;
const SLOW = 1_000;

describe('thousands of connections', () => {
  let hearth: Hearth;
  const sockets: Socket[] = [];

  before(async () => {
    hearth = await Hearth.start();
    await hearth.create('echo', 'export const handler = async (event) => event;');
    await hearth.invoke('echo');
  });

  after(async () => {
    for (const socket of sockets) socket.destroy();
    await hearth[Symbol.asyncDispose]();
  });

  const open = async (count: number, bytes?: string): Promise<void> => {
    const some = Array.from({ length: count }, () => connect(hearth.port, '127.0.0.1'));
    sockets.push(...some);
    for (const socket of some) socket.on('error', () => {});
    await Promise.all(some.map((socket) => once(socket, 'connect')));
    if (bytes !== undefined) for (const socket of some) socket.write(bytes);
  };

  /** Milliseconds that some invocations take, the quickest first. */
  const times = async (): Promise<number[]> => {
    const taken: number[] = [];
    for (let index = 0; index < 50; index++) {
      const started = performance.now();
      assert.deepEqual((await hearth.invoke('echo', { index })).payload, { index });
      taken.push(performance.now() - started);
    }
    return taken.toSorted((a, b) => a - b);
  };

  const held = () => readdirSync(`/proc/${hearth.process.pid}/fd`).length;
  const residentMb = () =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${hearth.process.pid}/status`, 'utf8'))![1]) / 1024;

  it('that are idle or slow keep nobody waiting', async () => {
    const atFirst = held();
    for (let index = 0; index < IDLE; index += 500) await open(500);
    await open(SLOW / 2, 'POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: loc');
    await open(
      SLOW / 2,
      'POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n{"a":',
    );
    const drip = setInterval(() => {
      for (const socket of sockets.slice(-SLOW)) if (socket.writable) socket.write(' ');
    }, 500);
    const taken = await times();
    clearInterval(drip);
    assert.ok(held() - atFirst >= IDLE, `${held() - atFirst} of ${IDLE + SLOW} connections are there`);
    // One or the other may meet a busy machine.
    assert.ok(taken[25]! < 1_000 && taken.at(-1)! < 15_000, `${taken.join(' ms, ')} ms`);
    assert.ok(residentMb() < 600, `${residentMb()} MB`);
    for (const socket of sockets.splice(0)) socket.destroy();
    // Those of the good client and of an instance that is made meanwhile stay.
    await eventually(() => assert.ok(held() - atFirst < 200, `${held() - atFirst} descriptors are left`));
  });

  it('more than there may be close the idle ones, and a good client comes through', async () => {
    for (let index = 0; index < 9_000; index += 500) await open(500);
    await times();
    await eventually(() => assert.ok(held() < 9_000));
  });
});
