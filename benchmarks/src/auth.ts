/** `auth`: what checking signatures costs, one server that checks them beside one that doesn't. */
import { createFunctions } from './functions.ts';
import { Hearth } from './hearth.ts';
import { closedLoopOf, ensureWrk, type ClosedLoopResult } from './load/closed-loop.ts';
import { verifyEcho, type Target } from './load/target.ts';
import { atLeast, type Benchmark, type Context, type Report } from './report.ts';
import { rotated } from './rounds.ts';
import { signed, type Keys } from './sign.ts';
import { median } from './statistics.ts';

/** Different requests that are signed for a round and sent in turn: no two in a row have the same signature. */
const REQUESTS = 256;

interface Subject {
  auth: 'dev' | 'sigv4';
  memory: number;
  hearth: Hearth;
  keys: Keys;
  name: string;
  parallel: ClosedLoopResult[];
  single: ClosedLoopResult[];
}

export const auth: Benchmark = {
  name: 'auth',
  summary: 'throughput with signatures checked, beside without',
  async run(context: Context): Promise<Report> {
    const plan = context.quick ? { rounds: 2, seconds: 1 } : { rounds: 8, seconds: 2 };
    await ensureWrk(context.progress);
    await using servers = new AsyncDisposableStack();
    const checking = servers.use(await Hearth.start({ command: context.hearth, auth: 'sigv4' }));
    const trusting = servers.use(await Hearth.start({ command: context.hearth }));
    const keys = await checking.createKeys();
    const subjects: Subject[] = [];
    for (const memory of [1769, 128]) {
      const name = `echo-${memory}`;
      await createFunctions(checking.client(keys), [name], { MemorySize: memory });
      await createFunctions(trusting.client(), [name], { MemorySize: memory });
      const both = { memory, keys, name, parallel: [], single: [] };
      subjects.push({ ...both, auth: 'dev', hearth: trusting }, { ...both, auth: 'sigv4', hearth: checking });
    }
    for (const each of subjects) {
      each.parallel = [];
      each.single = [];
      context.progress(`warming up ${label(each)}`);
      for (const target of requests(each, 2)) await verifyEcho(target);
      await closedLoopOf(requests(each, REQUESTS), 32, 1);
    }
    await refusesForgery(subjects.find((each) => each.auth === 'sigv4')!);
    for (let round = 0; round < plan.rounds; round++) {
      for (const each of rotated(subjects, round)) {
        context.progress(`round ${round + 1} of ${plan.rounds}: ${label(each)}`);
        each.parallel.push(await closedLoopOf(requests(each, REQUESTS), 32, plan.seconds));
        each.single.push(await closedLoopOf(requests(each, REQUESTS), 1, plan.seconds));
      }
    }
    return report(subjects);
  },
};

/** The same requests for both servers: the one that doesn't check signatures gets them as well. */
function requests({ hearth, keys, name }: Subject, count: number): Target[] {
  return Array.from({ length: count }, (_, serial) =>
    signed(hearth.target(name, JSON.stringify({ message: 'hello', numbers: [1, 2, 1000 + serial] })), keys),
  );
}

/** @throws Error if the server answers a request that nobody signed: it would have nothing to measure. */
async function refusesForgery(subject: Subject): Promise<void> {
  const [target] = requests(subject, 1);
  const { url, headers, body } = target!;
  const answer = await fetch(url, { method: 'POST', headers, body: body.replace('hello', 'hallo') });
  if (answer.status !== 403) throw new Error(`a forged request was answered ${answer.status} ${await answer.text()}`);
}

function label({ auth: mode, memory }: Subject): string {
  return `${memory.toLocaleString('en')} MB, --auth ${mode}`;
}

function middle(results: readonly ClosedLoopResult[], key: keyof ClosedLoopResult): number {
  return median(results.map((result) => result[key]));
}

function report(subjects: Subject[]): Report {
  const goals = subjects
    .filter((each) => each.auth === 'sigv4')
    .map((each) => {
      const without = subjects.find((other) => other.auth === 'dev' && other.memory === each.memory)!;
      const ratio = middle(each.parallel, 'requestsPerSecond') / middle(without.parallel, 'requestsPerSecond');
      return atLeast(
        `${each.memory.toLocaleString('en')} MB: throughput with signatures checked, x without`,
        0.6,
        ratio,
      );
    });
  return {
    tables: [
      {
        title: 'Signatures checked or not, closed loop, JSON echo; latencies in us',
        columns: ['', '32 conn. req/s', 'p50', 'p99', '1 conn. p50', 'p99', 'failed'],
        rows: subjects.map((each) => [
          label(each),
          middle(each.parallel, 'requestsPerSecond'),
          middle(each.parallel, 'p50'),
          middle(each.parallel, 'p99'),
          middle(each.single, 'p50'),
          middle(each.single, 'p99'),
          [...each.parallel, ...each.single].reduce((sum, result) => sum + result.failed, 0),
        ]),
      },
    ],
    goals,
    notes: [
      `Both servers get the same ${REQUESTS} requests in turn, each with a body and so a signature of its own, signed anew for each round.`,
      'Load generator, servers and sandboxes share the cores of this machine. Numbers are medians of the rounds; the order of subjects rotates.',
      'A 128 MB function has 0.072 vCPU, as on AWS.',
    ],
    rounds: subjects.map((each) => ({ name: label(each), parallel: each.parallel, single: each.single })),
  };
}
