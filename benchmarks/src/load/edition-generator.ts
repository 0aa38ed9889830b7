/**
 * The edition loop's own process: a closed loop that runs until its standard input ends, then writes three numbers for each request: when
 * it was sent, how long it took, which edition answered. See edition-loop.ts.
 */
import { connect } from 'node:net';
import { monotonicMs } from './edition-loop.ts';
import { requestBytes, type Target } from './target.ts';

const { target, connections } = JSON.parse(process.argv[2] ?? '') as { target: Target; connections: number };
const bytes = requestBytes(target);
const port = Number(new URL(target.url).port);

let numbers = new Float64Array(3 * 2 ** 20);
let length = 0;
let stopping = false;
let open = connections;

function remember(sentAt: number, ms: number, edition: number): void {
  if (length === numbers.length) {
    const larger = new Float64Array(numbers.length * 2);
    larger.set(numbers);
    numbers = larger;
  }
  numbers[length++] = sentAt;
  numbers[length++] = ms;
  numbers[length++] = edition;
}

/** The edition in a whole answer, -1 where it is none; undefined where more of it is to come. */
function editionIn(answer: string): number | undefined {
  const end = answer.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const size = Number(/\r\ncontent-length: *(\d+)/i.exec(answer)?.[1] ?? Number.NaN);
  const body = answer.slice(end + 4);
  if (body.length < size) return undefined;
  return answer.startsWith('HTTP/1.1 200 ') && /^\d+$/.test(body) ? Number(body) : -1;
}

function start(): void {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  let sentAt = 0;
  let answer = '';
  const send = (): void => {
    answer = '';
    sentAt = monotonicMs();
    socket.write(bytes);
  };
  socket.on('connect', send);
  socket.on('data', (data: Buffer) => {
    answer += data.toString('latin1');
    const edition = editionIn(answer);
    if (edition === undefined) return;
    remember(sentAt, monotonicMs() - sentAt, edition);
    if (!stopping) send();
    else socket.end();
  });
  socket.on('error', (error) => {
    throw error;
  });
  socket.on('close', () => {
    if (!stopping) throw new Error(`${target.name} closed a connection`);
    if (--open === 0) finish();
  });
}

function finish(): void {
  const output = new Uint8Array(numbers.buffer, 0, length * Float64Array.BYTES_PER_ELEMENT);
  process.stdout.write(output, () => process.exit());
}

process.stdin.resume().once('end', () => (stopping = true));
for (let index = 0; index < connections; index++) start();
