// What waits: files in /tmp, a server on the sandbox's own loopback, timers and turns of the event loop.
import fs from 'node:fs/promises';
import http from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { measure } from './measure.mjs';

const server = http.createServer((request, response) => request.pipe(response)).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const agent = new http.Agent({ keepAlive: true });
const body = Buffer.alloc(10_000, 'x');
const file = `/tmp/fidelity-${process.pid}`;

function echo() {
  return new Promise((resolve, reject) => {
    const options = { port: server.address().port, host: '127.0.0.1', method: 'POST', agent };
    const request = http.request(options, (response) => {
      let length = 0;
      response.on('data', (piece) => (length += piece.length));
      response.on('end', () => resolve(length));
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function work() {
  let length = 0;
  for (let round = 0; round < 5; round++) {
    await fs.writeFile(file, body);
    length += (await fs.readFile(file)).length;
    for (const answer of await Promise.all([echo(), echo()])) length += answer;
    for (let turn = 0; turn < 50; turn++) await nextTurn();
  }
  return length;
}

export const handler = measure(work);
