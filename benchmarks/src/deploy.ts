/** `deploy`: a function is changed twenty times in a row while it is under full load. */
import {
  GetFunctionConfigurationCommand,
  type LambdaClient,
  TagResourceCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createFunctions } from './functions.ts';
import { ACCOUNT, Hearth } from './hearth.ts';
import { EditionLoop, type EditionRequest, monotonicMs } from './load/edition-loop.ts';
import { atMost, type Benchmark, type Context, type Goal, type Report } from './report.ts';
import { savesToLive } from './save-to-live.ts';
import { type Distribution, distribution, percentile } from './statistics.ts';
import { zipFiles } from './zip.ts';

const CONNECTIONS = 32;
const WARM_UP_MS = 2_000;
/** From the beginning of one deployment to that of the next: as fast as AWS's waiters let a script go on. */
const PACE_MS = 1_000;
/** The bound of staleness that the functions have; seconds. */
const BOUND = 5;
const MB = 1024 * 1024;

interface Subject {
  readonly name: string;
  readonly memoryMb: number;
  /** Of a file beside the code. */
  readonly paddingMb: number;
}

const SUBJECTS: readonly Subject[] = [
  { name: '1,769 MB', memoryMb: 1769, paddingMb: 0 },
  { name: '128 MB', memoryMb: 128, paddingMb: 0 },
  { name: '1,769 MB, a package of 49 MB', memoryMb: 1769, paddingMb: 49 },
];

/** One deployment, by the clock of `monotonicMs`. */
interface Deployment {
  edition: number;
  sentAt: number;
  /** UpdateFunctionCode was answered. */
  answeredAt: number;
  /** LastUpdateStatus was read as Successful. */
  doneAt: number;
}

interface Phase {
  requests: number;
  perSecond: number;
  /** Milliseconds. */
  latency: Distribution & { p999: number };
}

interface Result {
  subject: string;
  quiet: Phase;
  deploying: Phase;
  /** With the same number of deployments, each at once when the one before is Successful. */
  hurrying: Phase;
  /** Milliseconds from UpdateFunctionCode to Successful, and of that until it was answered. */
  took: Distribution;
  answered: Distribution;
  failed: number;
  /** Answered by code that was replaced before they were sent, by LastUpdateStatus. */
  oldAfterSuccessful: number;
  /** Answered by code older than the bound of staleness allows. */
  tooStale: number;
  deployments: Deployment[];
}

export const deploy: Benchmark = {
  name: 'deploy',
  summary: 'code updates under full load',
  async run(context: Context): Promise<Report> {
    const count = context.quick ? 5 : 20;
    await using hearth = await Hearth.start({ command: context.hearth });
    const results: Result[] = [];
    for (const [index, subject] of SUBJECTS.entries()) {
      results.push(await measure(hearth, subject, `deploy-${index}`, count, context));
    }
    context.progress('saving files that are watched');
    const saves = await savesToLive(hearth, context.hearth, count);
    return report(results, count, saves);
  },
};

async function measure(
  hearth: Hearth,
  subject: Subject,
  name: string,
  count: number,
  context: Context,
): Promise<Result> {
  const client = hearth.client();
  const settings = { MemorySize: subject.memoryMb, Code: { ZipFile: packageOf(0, subject) } };
  await createFunctions(client, [name], settings);
  const Resource = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:${name}`;
  await client.send(new TagResourceCommand({ Resource, Tags: { 'hearth:consistency': `eventual seconds=${BOUND}` } }));
  // Made before, so that making them takes nothing from the server while it is measured.
  const packages = Array.from({ length: 2 * count }, (_, index) => packageOf(index + 1, subject));
  await using load = new EditionLoop(hearth.target(name, '{}'), CONNECTIONS);
  context.progress(`${subject.name}: warming up`);
  await delay(WARM_UP_MS);
  const quietMs = context.quick ? 1_000 : 5_000;
  const deployments: Deployment[] = [];
  const phases = [monotonicMs()];
  await delay(quietMs);
  phases.push(monotonicMs());
  for (const [index, zip] of packages.entries()) {
    context.progress(`${subject.name}: deployment ${index + 1} of ${packages.length}`);
    const paced = index < count;
    const [deployment] = await Promise.all([
      deployOnce(client, name, index + 1, zip),
      paced ? delay(PACE_MS) : undefined,
    ]);
    deployments.push(deployment);
    if (index === count - 1) phases.push(monotonicMs());
  }
  phases.push(monotonicMs());
  await delay(quietMs);
  phases.push(monotonicMs());
  const requests = await load.stop();
  const [quietFrom = 0, from = 0, pacedTo = 0, to = 0, quietTo = 0] = phases;
  const between = (a: number, b: number): EditionRequest[] =>
    requests.filter(({ sentAt }) => sentAt >= a && sentAt < b);
  return {
    subject: subject.name,
    quiet: phaseOf([...between(quietFrom, from), ...between(to, quietTo)], from - quietFrom + quietTo - to),
    deploying: phaseOf(between(from, pacedTo), pacedTo - from),
    hurrying: phaseOf(between(pacedTo, to), to - pacedTo),
    took: distribution(deployments.map(({ sentAt, doneAt }) => doneAt - sentAt)),
    answered: distribution(deployments.map(({ sentAt, answeredAt }) => answeredAt - sentAt)),
    failed: requests.filter(({ edition }) => edition < 0).length,
    oldAfterSuccessful: countOlder(requests, deployments, ({ doneAt }) => doneAt),
    tooStale: countOlder(requests, deployments, ({ answeredAt }) => answeredAt + BOUND * 1000),
    deployments,
  };
}

async function deployOnce(client: LambdaClient, name: string, edition: number, ZipFile: Buffer): Promise<Deployment> {
  const sentAt = monotonicMs();
  await client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile }));
  const answeredAt = monotonicMs();
  for (;;) {
    const { LastUpdateStatus: status, LastUpdateStatusReason: reason } = await client.send(
      new GetFunctionConfigurationCommand({ FunctionName: name }),
    );
    if (status === 'Successful') return { edition, sentAt, answeredAt, doneAt: monotonicMs() };
    if (status === 'Failed') throw new Error(`deployment ${edition} of ${name} failed: ${reason}`);
    await delay(10);
  }
}

/** Each has other bytes than every other one, so that nothing is in a cache. */
function packageOf(edition: number, { paddingMb }: Subject): Buffer {
  const files: Record<string, Buffer> = {
    'index.mjs': Buffer.from(`export const handler = async () => ${edition};\n`),
  };
  if (paddingMb > 0) files['padding'] = randomBytes(paddingMb * MB);
  return zipFiles(files);
}

/** Requests that were sent when a deployment had to be seen by all, and were answered by an older edition. */
function countOlder(
  requests: readonly EditionRequest[],
  deployments: readonly Deployment[],
  from: (deployment: Deployment) => number,
): number {
  const steps = deployments.map((one) => ({ at: from(one), edition: one.edition }));
  return requests.filter(({ sentAt, edition }) => {
    const least = steps.findLast(({ at }) => at < sentAt)?.edition ?? 0;
    return edition >= 0 && edition < least;
  }).length;
}

function phaseOf(requests: readonly EditionRequest[], durationMs: number): Phase {
  const times = requests.map(({ ms }) => ms);
  const p999 = percentile(
    times.toSorted((a, b) => a - b),
    0.999,
  );
  return {
    requests: requests.length,
    perSecond: requests.length / (durationMs / 1000),
    latency: { ...distribution(times), p999 },
  };
}

function report(results: readonly Result[], count: number, saves: readonly number[]): Report {
  const live = distribution(saves);
  const goals: Goal[] = results.flatMap((result) => [
    atMost(`deploy, ${result.subject}: failed requests`, 0, result.failed),
    atMost(`deploy, ${result.subject}: on old code after Successful`, 0, result.oldAfterSuccessful),
    atMost(`deploy, ${result.subject}: staler than the bound`, 0, result.tooStale),
    atMost(
      `deploy, ${result.subject}: p99, x without deployments`,
      1.1,
      result.deploying.latency.p99 / result.quiet.latency.p99,
    ),
  ]);
  goals.push(atMost('deploy --watch: from a saved file to its first answer, p50', 100, live.p50, ' ms'));
  const row = (name: string, { requests, perSecond, latency }: Phase): (string | number)[] => [
    name,
    requests,
    perSecond,
    latency.p50,
    latency.p99,
    latency.p999,
    latency.max,
  ];
  return {
    tables: [
      {
        title: `${CONNECTIONS} connections, closed loop, without and with ${count} deployments in a row; ms`,
        columns: ['', 'requests', 'req/s', 'p50', 'p99', 'p99.9', 'max'],
        rows: results.flatMap(({ subject, quiet, deploying, hurrying }) => [
          row(`${subject}: quiet`, quiet),
          row(`${subject}: one deployment a second`, deploying),
          row(`${subject}: one after the other`, hurrying),
        ]),
      },
      {
        title: 'From UpdateFunctionCode to LastUpdateStatus Successful; ms',
        columns: ['', 'p50', 'max', 'of that answered p50', 'max'],
        rows: results.map(({ subject, took, answered }) => [subject, took.p50, took.max, answered.p50, answered.max]),
      },
      {
        title: `From a saved file to its first answer, with hearth deploy --watch, ${saves.length} times; ms`,
        columns: ['p50', 'p90', 'max'],
        rows: [[live.p50, live.p90, live.max]],
      },
    ],
    goals,
    notes: [
      'Load generator, deploying client, server and sandboxes share the cores of this machine.',
      `Each function answers with its edition; its tag hearth:consistency allows ${BOUND} s of staleness. The goal is for one deployment a second (AWS's waiters look once a second), or as fast as they become Successful where that takes longer.`,
    ],
    rounds: { results, saves },
  };
}
