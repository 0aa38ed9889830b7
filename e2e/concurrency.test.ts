/** Reserved concurrency with real sandboxes. Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  DeleteFunctionConcurrencyCommand,
  GetAccountSettingsCommand,
  InvokeCommand,
  LambdaClient,
  PutFunctionConcurrencyCommand,
  TooManyRequestsException,
} from '@aws-sdk/client-lambda';
import { Hearth } from './testing/hearth.ts';

/** Tells when it ran, by the machine's clock, which all sandboxes share. */
const CODE = `
  const now = () => performance.timeOrigin + performance.now();
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  export const handler = async ({ ms = 0, exit }) => {
    const from = now();
    if (exit) process.exit(1);
    await sleep(ms);
    return { from, to: now() };
  };`;

interface Run {
  /** When it was sent, and when its code ran: ms since the epoch. */
  sent: number;
  from: number;
  to: number;
}

/** The most that ran at one moment. */
function most(runs: readonly Run[]): number {
  const steps = runs.flatMap(({ from, to }) => [
    { at: from, by: 1 },
    { at: to, by: -1 },
  ]);
  let running = 0;
  return Math.max(0, ...steps.toSorted((a, b) => a.at - b.at || a.by - b.by).map(({ by }) => (running += by)));
}

describe('a function with reserved concurrency', () => {
  let hearth: Hearth;
  let client: LambdaClient;

  before(async () => {
    hearth = await Hearth.start({ settings: { concurrency: 120 } });
    // The SDK by itself has 50 connections at most.
    client = new LambdaClient({ ...hearth.clientOptions(), requestHandler: { httpAgent: { maxSockets: 500 } } });
    await hearth.create('five', CODE, { Timeout: 1 });
    await hearth.create('other', CODE, { Timeout: 10 });
  });

  after(() => hearth[Symbol.asyncDispose]());

  const reserve = (count: number) =>
    client.send(new PutFunctionConcurrencyCommand({ FunctionName: 'five', ReservedConcurrentExecutions: count }));

  const send = async (ms: number, name = 'five'): Promise<Run> => {
    const sent = performance.timeOrigin + performance.now();
    const answer = await client.send(new InvokeCommand({ FunctionName: name, Payload: JSON.stringify({ ms }) }));
    const payload = Buffer.from(answer.Payload!).toString();
    assert.equal(answer.FunctionError, undefined, payload);
    return { sent, ...(JSON.parse(payload) as { from: number; to: number }) };
  };

  /** Sends so many at once. @returns those that ran, and the reasons why the others did not. */
  const burst = async (count: number, ms: number, name?: string) => {
    const all = await Promise.allSettled(Array.from({ length: count }, () => send(ms, name)));
    return {
      ran: all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
      refused: all.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])),
    };
  };

  /** Asked for 50, exactly 5 run, all at once, and 45 are told why not. */
  const holds = async () => {
    const { ran, refused } = await burst(50, 400);
    assert.equal(ran.length, 5);
    assert.equal(most(ran), 5);
    for (const error of refused) {
      assert.ok(error instanceof TooManyRequestsException, String(error));
      assert.equal(error.Reason, 'ReservedFunctionConcurrentInvocationLimitExceeded');
      assert.equal(error.message, 'Rate Exceeded.');
      assert.equal(error.$metadata.httpStatusCode, 429);
      assert.match(String(error.retryAfterSeconds), /^\d+$/);
    }
  };

  it('runs as many at once as are reserved, when asked for more, and never one more', async () => {
    await reserve(5);
    await holds();
    await holds();
  });

  it('keeps to it after time-outs, crashes and clients that went away', async () => {
    const timedOut = await Promise.allSettled(Array.from({ length: 5 }, () => send(5_000)));
    assert.match(String((timedOut[0] as PromiseRejectedResult).reason), /Task timed out after 1\.00 seconds/);
    await holds();
    const crash = () =>
      client.send(new InvokeCommand({ FunctionName: 'five', Payload: JSON.stringify({ exit: true }) }));
    const crashed = await Promise.all(Array.from({ length: 5 }, crash));
    for (const { FunctionError } of crashed) assert.equal(FunctionError, 'Unhandled');
    await holds();
    const gone = new AbortController();
    const started = performance.now();
    const left = Array.from({ length: 5 }, () =>
      client.send(new InvokeCommand({ FunctionName: 'five', Payload: '{"ms":800}' }), { abortSignal: gone.signal }),
    );
    setTimeout(() => gone.abort(), 200);
    for (const { status } of await Promise.allSettled(left)) assert.equal(status, 'rejected');
    // As on AWS, what runs goes on and counts, whether its caller waits for it or not.
    assert.ok(performance.now() - started < 600);
    await assert.rejects(send(0), TooManyRequestsException);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await holds();
  });

  it('keeps to each limit while it is changed under load', async () => {
    await reserve(5);
    const runs: Run[] = [];
    const ends = new AbortController();
    const lane = async () => {
      while (!ends.signal.aborted) {
        const run = await send(30).catch((error: unknown) => {
          if (!(error instanceof TooManyRequestsException)) throw error;
          return undefined;
        });
        if (run === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
        else runs.push(run);
      }
    };
    const lanes = Promise.all(Array.from({ length: 12 }, lane));
    for (const limit of [2, 7, 1, 5]) {
      await reserve(limit);
      const since = performance.timeOrigin + performance.now();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const until = performance.timeOrigin + performance.now();
      const seen = runs.filter(({ sent, to }) => sent >= since && to <= until);
      assert.equal(most(seen), limit);
    }
    ends.abort();
    await lanes;
  });

  it('has what others can’t have, and the others have the rest', async () => {
    await reserve(5);
    const settings = await client.send(new GetAccountSettingsCommand({}));
    assert.equal(settings.AccountLimit!.UnreservedConcurrentExecutions, 115);
    const [others, own] = await Promise.all([burst(130, 3_000, 'other'), burst(5, 300)]);
    assert.equal(own.ran.length, 5);
    assert.equal(others.ran.length, 115);
    for (const error of others.refused) {
      assert.equal((error as TooManyRequestsException).Reason, 'ConcurrentInvocationLimitExceeded');
    }
  });

  it('runs nothing with a limit of 0, and everything again without one', async () => {
    await reserve(0);
    await assert.rejects(send(0), { Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' });
    await client.send(new DeleteFunctionConcurrencyCommand({ FunctionName: 'five' }));
    const { ran } = await burst(8, 500);
    assert.equal(most(ran), 8);
  });
});
