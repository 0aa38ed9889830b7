/** `invoke`: the warm path, against a bare server, functions-framework and workerd. */
import { createFunctions, urlCode } from './functions.ts';
import { Hearth } from './hearth.ts';
import { closedLoop, ensureWrk, type ClosedLoopResult } from './load/closed-loop.ts';
import { openLoop, type OpenLoopResult } from './load/open-loop.ts';
import { verifyEcho, type Target } from './load/target.ts';
import { installPeers, startPeer } from './peers.ts';
import { atLeast, atMost, type Benchmark, type Context, type Report } from './report.ts';
import { rotated } from './rounds.ts';
import { median } from './statistics.ts';

const SMALL = JSON.stringify({ message: 'hello', numbers: [1, 2, 3] });
/** The largest is measured for longer: with 0.072 vCPU, one echo of it takes a second. */
const PAYLOADS = {
  '1 KB': { bytes: 1e3, seconds: 1 },
  '100 KB': { bytes: 1e5, seconds: 1 },
  '5.9 MB': { bytes: 5.9e6, seconds: 3 },
};
/** Requests per second that the generator sends and leaves a server of two processes enough of two cores. */
const GENERATOR_LIMIT = 10_000;

interface Subject {
  name: string;
  target(body: string): Target;
  parallel: ClosedLoopResult[];
  single: ClosedLoopResult[];
  open: (OpenLoopResult & { rate: number })[];
  payloads: Record<string, ClosedLoopResult[]>;
}

/** Rounds and the seconds that each measurement in them takes. */
interface Plan {
  memorySizes: number[];
  rounds: number;
  parallel: number;
  single: number;
  openRounds: number;
  open: number;
  payloadRounds: number;
}

const FULL: Plan = {
  memorySizes: [128, 1769],
  rounds: 5,
  parallel: 2,
  single: 2,
  openRounds: 3,
  open: 3,
  payloadRounds: 3,
};
const QUICK: Plan = {
  memorySizes: [1769],
  rounds: 1,
  parallel: 1,
  single: 1,
  openRounds: 1,
  open: 1,
  payloadRounds: 1,
};

export const invoke: Benchmark = {
  name: 'invoke',
  summary: 'warm path: throughput, latency, open loop, payload sizes',
  async run(context: Context): Promise<Report> {
    const plan = context.quick ? QUICK : FULL;
    await ensureWrk(context.progress);
    await installPeers(context.progress);
    await using servers = new AsyncDisposableStack();
    const hearth = servers.use(await Hearth.start({ command: context.hearth }));
    const subjects: Subject[] = [];
    for (const memory of plan.memorySizes) {
      const name = `echo-${memory}`;
      await createFunctions(hearth.client(), [name], { MemorySize: memory });
      subjects.push(subject(`hearth ${memory} MB`, (body) => hearth.target(name, body)));
    }
    await createFunctions(hearth.client(), ['echo-url'], { MemorySize: 1769, Code: { ZipFile: urlCode } });
    subjects.push(subject('hearth 1769 MB by URL', await hearth.createUrl('echo-url')));
    for (const name of ['bare', 'functions-framework', 'workerd'] as const) {
      const { url } = servers.use(await startPeer(name));
      const headers = { 'content-type': 'application/json' };
      subjects.push(subject(name, (body) => ({ name, url: `${url}/`, headers, body })));
    }

    for (const each of subjects) {
      context.progress(`warming up ${each.name}`);
      await verifyEcho(each.target(SMALL));
      await closedLoop(each.target(SMALL), 32, 1);
    }
    for (let round = 0; round < plan.rounds; round++) {
      for (const each of rotated(subjects, round)) {
        context.progress(`round ${round + 1} of ${plan.rounds}, closed loop: ${each.name}`);
        each.parallel.push(await closedLoop(each.target(SMALL), 32, plan.parallel));
        each.single.push(await closedLoop(each.target(SMALL), 1, plan.single));
      }
    }
    for (let round = 0; round < plan.openRounds; round++) {
      for (const each of rotated(subjects, round)) {
        const rate = Math.min(GENERATOR_LIMIT, Math.round(throughput(each) / 2));
        context.progress(`round ${round + 1} of ${plan.openRounds}, open loop, ${rate}/s: ${each.name}`);
        each.open.push({ rate, ...(await openLoop({ target: each.target(SMALL), rate, seconds: plan.open })) });
      }
    }
    for (const [size, { bytes, seconds }] of Object.entries(PAYLOADS)) {
      for (let round = 0; round < plan.payloadRounds; round++) {
        for (const each of rotated(subjects, round)) {
          context.progress(`round ${round + 1} of ${plan.payloadRounds}, ${size}: ${each.name}`);
          const target = each.target(JSON.stringify({ data: 'x'.repeat(bytes - 11) }));
          if (round === 0) await verifyEcho(target);
          (each.payloads[size] ??= []).push(await closedLoop(target, 1, seconds));
        }
      }
    }
    return report(subjects);
  },
};

function subject(name: string, target: (body: string) => Target): Subject {
  return { name, target, parallel: [], single: [], open: [], payloads: {} };
}

function throughput(each: Subject): number {
  return median(each.parallel.map((result) => result.requestsPerSecond));
}

function middle<K extends string>(results: readonly Record<K, number>[], key: K): number {
  return median(results.map((result) => result[key]));
}

function report(subjects: Subject[]): Report {
  const peer = (name: string): Subject => {
    const found = subjects.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no subject ${name}`);
    return found;
  };
  const bare = peer('bare');
  const goals = subjects
    .filter((each) => each.name.startsWith('hearth'))
    .flatMap((each) => [
      ...(
        [
          ['workerd', 1.3],
          ['functions-framework', 1.3],
          ['bare', 0.37],
        ] as const
      ).map(([name, limit]) =>
        atLeast(`${each.name}: throughput, x ${name}`, limit, throughput(each) / throughput(peer(name))),
      ),
      atMost(
        `${each.name}: p50 of one connection, x bare`,
        1.6,
        middle(each.single, 'p50') / middle(bare.single, 'p50'),
      ),
      atMost(
        `${each.name}: p50 of one connection, x workerd`,
        1,
        middle(each.single, 'p50') / middle(peer('workerd').single, 'p50'),
      ),
      atMost(
        `${each.name}: p99 of the open loop, x p50 of one connection`,
        5,
        middle(each.open, 'p99') / middle(each.single, 'p50'),
      ),
    ]);
  return {
    tables: [
      {
        title: 'Closed loop, JSON echo of 42 bytes; latencies in us',
        columns: ['', '32 conn. req/s', 'p50', 'p99', '1 conn. p50', 'p99', 'failed'],
        rows: subjects.map((each) => [
          each.name,
          throughput(each),
          middle(each.parallel, 'p50'),
          middle(each.parallel, 'p99'),
          middle(each.single, 'p50'),
          middle(each.single, 'p99'),
          [...each.parallel, ...each.single].reduce((sum, result) => sum + result.failed, 0),
        ]),
      },
      {
        title: 'Open loop at half the peak; us from when a request was due',
        columns: ['', 'req/s', 'p50', 'p99', 'p99.9', 'failed', 'p99 x 1 conn. p50', 'sent late p50', 'p99'],
        rows: subjects.map((each) => [
          each.name,
          middle(each.open, 'rate'),
          middle(each.open, 'p50'),
          middle(each.open, 'p99'),
          middle(each.open, 'p999'),
          each.open.reduce((sum, result) => sum + result.failed + result.due - result.answered, 0),
          middle(each.open, 'p99') / middle(each.single, 'p50'),
          median(each.open.map(({ lateness }) => lateness.p50)),
          median(each.open.map(({ lateness }) => lateness.p99)),
        ]),
      },
      {
        title: 'Payloads, both ways, one connection; us',
        columns: ['', ...Object.keys(PAYLOADS).flatMap((size) => [`${size} p50`, 'p99'])],
        rows: subjects.map((each) => [
          each.name,
          ...Object.values(each.payloads).flatMap((results) => [middle(results, 'p50'), middle(results, 'p99')]),
        ]),
      },
    ],
    goals,
    notes: [
      'Load generator, server and sandboxes share the cores of this machine.',
      'Numbers are medians of the rounds; the order of subjects rotates.',
      `Open loop: a fixed rate, at most ${GENERATOR_LIMIT}/s, latency from when a request was due (no coordinated omission); ` +
        '"sent late" is the share of it that is the generator\'s own.',
      'A 128 MB function has 0.072 vCPU, as on AWS: what it computes is slowed down, by design.',
    ],
    rounds: subjects.map(({ name, parallel, single, open, payloads }) => ({ name, parallel, single, open, payloads })),
  };
}
