/** `fuzz`: generated requests, valid, nearly valid and hostile, over all operations of all services. */
import { readFileSync } from 'node:fs';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { OPERATIONS } from './fuzz/model.ts';
import { judge } from './fuzz/judge.ts';
import { generate, reproduction } from './fuzz/requests.ts';
import type { FuzzRequest } from './fuzz/requests.ts';
import { Wire } from './fuzz/wire.ts';
import type { WireAnswer } from './fuzz/wire.ts';
import { createFunctions } from './functions.ts';
import { Hearth } from './hearth.ts';
import { atMost, type Benchmark, type Context, type Report } from './report.ts';

const COUNT = 120_000;
const QUICK_COUNT = 20_000;
const LANES = 16;
/** Failures that are told in full. */
const TOLD = 10;
/** Growth of the server's memory from when it is warm to the end that is no growth: MB. */
const FLAT_MB = 64;
/** Of the requests, those after which the server is warm: its caches and its ring of records have grown. */
const WARM = 0.4;

interface Tally {
  sent: number;
  statuses: Map<string, number>;
}

/** What a run has seen. */
class Run {
  readonly seed: number;
  readonly tallies = new Map<string, Tally>();
  readonly operations = new Set<string>();
  readonly failures: string[] = [];
  /** Functions that were made: who signed for it, and its ARN. */
  readonly made = new Map<string, { authorization: string; arn: string }>();
  /** Log groups that were made, the same. */
  readonly groups = new Map<string, { authorization: string; name: string }>();
  fiveHundreds = 0;
  failed = 0;

  constructor(seed: number) {
    this.seed = seed;
  }

  note(request: FuzzRequest, outcome: string): void {
    let tally = this.tallies.get(request.category);
    if (tally === undefined) this.tallies.set(request.category, (tally = { sent: 0, statuses: new Map() }));
    tally.sent++;
    tally.statuses.set(outcome, (tally.statuses.get(outcome) ?? 0) + 1);
    this.operations.add(`${request.service} ${request.operation}`);
  }

  fail(index: number, request: FuzzRequest, what: string, port: number): void {
    if (++this.failed > TOLD) return;
    const how = `request ${index} of seed ${this.seed} (${request.category}, ${request.operation}): ${what}`;
    this.failures.push(`${how}\n  ${reproduction(port, request.bytes).slice(0, 4_000)}`);
  }
}

export const fuzz: Benchmark = {
  name: 'fuzz',
  summary: 'generated requests, valid and hostile: no 5xx, no crash, memory flat (HEARTH_FUZZ_SEED, HEARTH_FUZZ_COUNT)',
  async run(context: Context): Promise<Report> {
    const seed = Number(process.env['HEARTH_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    const count = Number(process.env['HEARTH_FUZZ_COUNT'] ?? (context.quick ? QUICK_COUNT : COUNT));
    context.progress(`seed ${seed}, ${count} requests`);
    await using hearth = await Hearth.start({ command: context.hearth });
    const port = Number(new URL(hearth.url).port);
    await createFunctions(hearth.client(), ['echo'], {});
    const run = new Run(seed);
    const started = performance.now();
    const memory = await attack(run, count, port, hearth.pid, context);
    const seconds = (performance.now() - started) / 1000;
    context.progress(`${Math.round(seconds)} s; deletes ${run.made.size} functions and ${run.groups.size} log groups`);
    const left = await cleanUp(run, port);
    await serves(hearth);
    for (const failure of run.failures) console.error(failure);
    if (run.failed > 0 || left.length > 0) {
      const what = left.length > 0 ? `; left behind: ${left.join(', ')}` : '';
      throw new Error(`${run.failed} of ${count} requests were answered wrongly (seed ${seed})${what}`);
    }
    const growth = memory.after - memory.before;
    if (growth > FLAT_MB)
      throw new Error(`the server's memory grew from ${memory.before} to ${memory.after} MB (seed ${seed})`);
    return report(run, count, seconds, memory);
  },
};

async function attack(
  run: Run,
  count: number,
  port: number,
  pid: number,
  { progress }: Context,
): Promise<{ before: number; after: number }> {
  let next = 0;
  let before = 0;
  const lane = async (): Promise<void> => {
    const wire = new Wire(port);
    for (let index = next++; index < count; index = next++) {
      await one(run, index, wire, port);
      if (index === Math.floor(count * WARM)) before = residentMb(pid);
      if (index % 10_000 === 9_999) progress(`${index + 1} requests, the server uses ${residentMb(pid)} MB`);
    }
    wire.close();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { before, after: residentMb(pid) };
}

async function one(run: Run, index: number, wire: Wire, port: number): Promise<void> {
  const request = generate(run.seed, index);
  if (request.connection === 'abort') {
    await wire.abort(request.bytes);
    return run.note(request, 'broken off');
  }
  if (request.connection === 'close') wire.close();
  try {
    const answer = await wire.exchange(request.bytes, request.method, request.connection === 'close');
    if (typeof answer === 'string') {
      run.note(request, answer);
      // Not even the beginning of a request needs an answer.
      if (request.connection === 'keep' || answer === 'silent')
        run.fail(index, request, `the connection is ${answer}`, port);
      return;
    }
    run.note(request, String(answer.status));
    if (answer.status >= 500 && answer.status !== 501) run.fiveHundreds++;
    const wrong = judge(request, answer);
    if (wrong !== undefined) run.fail(index, request, `${wrong}: ${answer.body.toString().slice(0, 500)}`, port);
    remember(run, request, answer);
  } catch (error) {
    wire.close();
    run.note(request, 'malformed');
    run.fail(index, request, (error as Error).message, port);
  }
}

function remember(run: Run, request: FuzzRequest, { status, body }: WireAnswer): void {
  const { operation, authorization } = request;
  if (status === 200 && operation === 'CreateLogGroup') {
    const sent = request.bytes.subarray(request.bytes.indexOf('\r\n\r\n') + 4).toString();
    const name = /"logGroupName":("(?:[^"\\]|\\.)*")/.exec(sent)?.[1];
    if (name !== undefined)
      run.groups.set(`${authorization} ${name}`, { authorization, name: JSON.parse(name) as string });
  }
  if (status !== 201 || operation !== 'CreateFunction') return;
  const { FunctionArn: made } = JSON.parse(body.toString()) as { FunctionArn?: string };
  // One that was published at once is answered by its version's ARN.
  const arn = made?.split(':').slice(0, 7).join(':');
  if (arn !== undefined) run.made.set(`${authorization} ${arn}`, { authorization, arn });
}

/** Deletes all functions that were made. @returns what is left nevertheless. */
async function cleanUp(run: Run, port: number): Promise<string[]> {
  const wire = new Wire(port);
  const ask = async (
    method: string,
    path: string,
    authorization: string,
    target = '',
    body = '',
  ): Promise<WireAnswer> => {
    const head = [
      `${method} ${path} HTTP/1.1`,
      'Host: localhost',
      `Authorization: ${authorization}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...(target === '' ? [] : [`X-Amz-Target: Logs_20140328.${target}`]),
    ];
    const answer = await wire.exchange(Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`), method);
    if (typeof answer === 'string') throw new Error(`${method} ${path}: the connection is ${answer}`);
    return answer;
  };
  const left: string[] = [];
  for (const { authorization, arn } of run.made.values()) {
    const { status } = await ask('DELETE', `/2015-03-31/functions/${encodeURIComponent(arn)}`, authorization);
    if (status !== 204 && status !== 404) left.push(`${arn} (${status})`);
  }
  for (const authorization of new Set([...run.made.values()].map((made) => made.authorization))) {
    const { body } = await ask('GET', '/2015-03-31/functions/', authorization);
    const { Functions: functions } = JSON.parse(body.toString()) as { Functions: { FunctionArn: string }[] };
    left.push(...functions.map(({ FunctionArn: arn }) => arn).filter((arn) => !arn.endsWith(':echo')));
  }
  for (const { authorization, name } of run.groups.values()) {
    const answer = await ask('POST', '/', authorization, 'DeleteLogGroup', JSON.stringify({ logGroupName: name }));
    const gone = answer.status === 200 || answer.body.includes('ResourceNotFoundException');
    if (!gone) left.push(`log group ${name} (${answer.status} ${answer.body.toString()})`);
  }
  wire.close();
  return left;
}

/** A good client is served as if nothing had been. @throws Error where it isn't */
async function serves(hearth: Hearth): Promise<void> {
  const client = hearth.client();
  await createFunctions(client, ['good'], {});
  const { Payload: payload } = await client.send(new InvokeCommand({ FunctionName: 'good', Payload: '{"a":1}' }));
  if (Buffer.from(payload!).toString() !== '{"a":1}') throw new Error('a good request is answered wrongly afterwards');
}

/** Memory of a process and its children that run the server, without those that it keeps apart: MB. */
function residentMb(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(text)![1]) / 1024);
}

function report(run: Run, count: number, seconds: number, memory: { before: number; after: number }): Report {
  const statuses = [...new Set([...run.tallies.values()].flatMap((tally) => [...tally.statuses.keys()]))].toSorted();
  const rows = [...run.tallies]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([category, { sent, statuses: of }]) => [category, sent, ...statuses.map((status) => of.get(status) ?? 0)]);
  return {
    tables: [{ title: 'Requests by kind, and how they were answered', columns: ['kind', 'sent', ...statuses], rows }],
    goals: [
      atMost('fuzz: 5xx', 0, run.fiveHundreds),
      atMost('fuzz: unreadable', 0, run.failed),
      atMost('fuzz: memory', FLAT_MB, memory.after - memory.before, ' MB'),
    ],
    notes: [
      `seed ${run.seed}, ${count} requests in ${Math.round(seconds)} s over ${OPERATIONS.length} operations; HEARTH_FUZZ_SEED repeats it`,
      `the server used ${memory.before} MB when it was warm and ${memory.after} MB in the end`,
      '501 is the answer of operations and parameters that are not built yet',
    ],
    rounds: Object.fromEntries(
      [...run.tallies].map(([category, { statuses: of }]) => [category, Object.fromEntries(of)]),
    ),
  };
}
