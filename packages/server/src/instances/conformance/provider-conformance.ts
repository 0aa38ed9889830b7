import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import type { FunctionSpec } from '@hearth/protocol';
import type { AgentReport, Instance, InstanceRequest, Provider } from '../provider.ts';
import { SafeSandbox } from '../safe-sandbox.ts';

/** What the suite needs of whoever runs it on a provider. */
export interface ConformanceSubject extends AsyncDisposable {
  readonly provider: Provider;
  /**
   * Functions of account 111111111111 whose code the provider can fetch. `echo` returns its event; `count` returns how
   * many times its sandbox has run it; `exec`, where the provider can start a runtime anew, echoes but can't be forked.
   */
  readonly specs: { echo: FunctionSpec; count: FunctionSpec; exec?: FunctionSpec };
  /** The same function under a hash that its code doesn't have. */
  readonly tampered: FunctionSpec;
  /** How many times the server was asked for code. */
  readonly fetches: () => number;
  /** Ends the instance from outside, as a crash would. */
  readonly kill: (instance: Instance) => void;
  /** Rejects if anything that the provider made is left. */
  assertNoResidue(): Promise<void>;
}

interface Reports {
  /** The first report about this sandbox of this type; earlier ones count. */
  wait<T extends 'placed' | 'lost'>(sandbox: string, type: T): Promise<Extract<AgentReport, { type: T }>>;
}

const WAIT_MS = 20_000;

/** What every provider promises. `open` is called once for each test. */
export function providerConformance(name: string, open: () => Promise<ConformanceSubject>): void {
  const request = (overrides: Partial<InstanceRequest> = {}): InstanceRequest => ({
    id: `i-${randomUUID().slice(0, 8)}`,
    memoryMb: 1024,
    cpus: 1,
    runtimes: [],
    spares: 2,
    slots: 2,
    maxSandboxes: 16,
    ...overrides,
  });
  const conforms = (title: string, body: (subject: ConformanceSubject) => Promise<void>): void => {
    test(title, async () => {
      await using subject = await open();
      await body(subject);
      await subject.provider[Symbol.asyncDispose]();
      await subject.assertNoResidue();
    });
  };

  describe(`provider ${name}`, () => {
    conforms(
      'a healthy instance says so, with or without an account; one that is lost rejects (X22)',
      async ({ provider, specs, kill }) => {
        const instance = await provider.make(request());
        assert.deepEqual(await instance.check(), []);
        instance.assign(specs.echo.account);
        assert.deepEqual(await Promise.all([instance.check(), instance.check()]), [[], []]);
        const asked = instance.check().catch((error: Error) => error.name);
        kill(instance);
        // It may have answered before.
        assert.ok(['ProviderError', ''].includes(String(await asked)));
        await assert.rejects(instance.check(), { name: 'ProviderError' });
      },
    );

    conforms(
      'makes an instance that becomes ready, runs a function, and leaves nothing',
      async ({ provider, specs }) => {
        const instance = await provider.make(request());
        const reports = follow(instance);
        instance.assign(specs.echo.account);
        const sandbox = await place(instance, reports, specs.echo);
        assert.equal(sandbox.path, 'spare');
        assert.equal(await sandbox.invoke('{"hello":1}'), '{"hello":1}');
        assert.equal(await sandbox.invoke('{"hello":2}'), '{"hello":2}');
        await instance[Symbol.asyncDispose]();
      },
    );

    conforms('forks where there is no spare', async ({ provider, specs }) => {
      const instance = await provider.make(request({ spares: 0 }));
      const reports = follow(instance);
      instance.assign(specs.echo.account);
      const sandbox = await place(instance, reports, specs.echo);
      assert.equal(sandbox.path, 'fork');
      assert.equal(await sandbox.invoke('1'), '1');
    });

    conforms('starts a runtime anew for what cannot be forked', async ({ provider, specs }) => {
      if (specs.exec === undefined) return;
      const instance = await provider.make(request());
      const reports = follow(instance);
      instance.assign(specs.exec.account);
      const sandbox = await place(instance, reports, specs.exec);
      assert.equal(sandbox.path, 'exec');
      assert.equal(await sandbox.invoke('1'), '1');
    });

    conforms('keeps two sandboxes apart', async ({ provider, specs }) => {
      const instance = await provider.make(request());
      const reports = follow(instance);
      instance.assign(specs.count.account);
      const first = await place(instance, reports, specs.count);
      const second = await place(instance, reports, specs.count);
      assert.notEqual(first.slot, second.slot);
      assert.deepEqual(
        [await first.invoke('{}'), await first.invoke('{}'), await second.invoke('{}')],
        ['1', '2', '1'],
      );
    });

    conforms('L12, V16: fetches code once for an instance', async ({ provider, specs, fetches }) => {
      const instance = await provider.make(request());
      const reports = follow(instance);
      instance.assign(specs.echo.account);
      const before = fetches();
      await place(instance, reports, specs.echo);
      await place(instance, reports, specs.echo);
      assert.equal(fetches() - before, 1);
    });

    conforms(
      'D2: has code before any sandbox needs it, and fetches it no second time',
      async ({ provider, specs, fetches }) => {
        const instance = await provider.make(request());
        const reports = follow(instance);
        instance.assign(specs.echo.account);
        const before = fetches();
        await within(instance.preload([specs.echo]), 'code ahead');
        assert.equal(fetches() - before, 1);
        await place(instance, reports, specs.echo);
        assert.equal(fetches() - before, 1);
      },
    );

    conforms('says what of the code can not be had ahead, and lives', async ({ provider, specs, tampered }) => {
      const instance = await provider.make(request());
      const reports = follow(instance);
      instance.assign(specs.echo.account);
      await assert.rejects(within(instance.preload([tampered, specs.echo]), 'the refusal'), { name: 'ProviderError' });
      await place(instance, reports, specs.echo);
    });

    conforms('refuses code that is not what its hash says', async ({ provider, tampered }) => {
      const instance = await provider.make(request());
      const reports = follow(instance);
      instance.assign(tampered.account);
      instance.send({ type: 'place', sandbox: 'bad', spec: tampered });
      const lost = await within(reports.wait('bad', 'lost'), 'the refusal');
      assert.equal(lost.exit, null);
    });

    conforms("refuses another account's code", async ({ provider, specs }) => {
      const instance = await provider.make(request());
      const reports = follow(instance);
      instance.assign('222222222222');
      assert.throws(() => instance.assign(specs.echo.account), { name: 'ProviderError' });
      instance.send({ type: 'place', sandbox: 'foreign', spec: specs.echo });
      await within(reports.wait('foreign', 'lost'), 'the refusal');
    });

    conforms('destroys a sandbox and says so; its slot is used again', async ({ provider, specs }) => {
      const instance = await provider.make(request({ spares: 0, maxSandboxes: 1 }));
      const reports = follow(instance);
      instance.assign(specs.count.account);
      const first = await place(instance, reports, specs.count);
      await first.invoke('{}');
      instance.send({ type: 'destroy', sandbox: first.id, reason: 'the test says so' });
      await within(reports.wait(first.id, 'lost'), 'the loss');
      const second = await place(instance, reports, specs.count);
      assert.equal(second.slot, first.slot);
      assert.equal(await second.invoke('{}'), '1');
    });

    conforms('freezes, measures and thaws a slot where it offers to', async ({ provider, specs }) => {
      const instance = await provider.make(request());
      if (instance.freezer === undefined) return;
      const reports = follow(instance);
      instance.assign(specs.echo.account);
      const sandbox = await place(instance, reports, specs.echo);
      instance.freezer.freeze(sandbox.slot);
      const { used, max } = instance.freezer.memory(sandbox.slot);
      assert.ok(used > 0 && max >= used, `${used} of at most ${max} bytes`);
      instance.freezer.thaw(sandbox.slot);
      assert.equal(await sandbox.invoke('1'), '1');
    });

    conforms('tells when an instance is gone', async ({ provider, kill }) => {
      const instance = await provider.make(request());
      const gone = new Promise<string>((resolve) => instance.onGone(resolve));
      kill(instance);
      assert.ok((await within(gone, 'the loss')).length > 0);
    });

    conforms('can be called off', async ({ provider }) => {
      const aborted = AbortSignal.abort(new Error('called off'));
      await assert.rejects(provider.make(request(), aborted), /called off/);
    });
  });
}

function follow(instance: Instance): Reports {
  const seen: AgentReport[] = [];
  const waiting: { matches: (report: AgentReport) => boolean; resolve: (report: AgentReport) => void }[] = [];
  instance.listen({
    onReport: (report) => {
      seen.push(report);
      for (const entry of waiting) if (entry.matches(report)) entry.resolve(report);
    },
    onStdio: () => undefined,
  });
  return {
    wait: (sandbox, type) => {
      type Wanted = Extract<AgentReport, { type: typeof type }>;
      const matches = (report: AgentReport): boolean =>
        report.type === type && 'sandbox' in report && report.sandbox === sandbox;
      const found = seen.find(matches);
      if (found !== undefined) return Promise.resolve(found as Wanted);
      return new Promise<AgentReport>((resolve) => waiting.push({ matches, resolve })) as Promise<Wanted>;
    },
  };
}

interface PlacedSandbox {
  readonly id: string;
  readonly path: string;
  readonly slot: number;
  /** The response's text. */
  invoke(event: string): Promise<string>;
}

async function place(instance: Instance, reports: Reports, spec: FunctionSpec): Promise<PlacedSandbox> {
  const id = `s-${randomUUID().slice(0, 8)}`;
  instance.send({ type: 'place', sandbox: id, spec });
  const placed = await within(Promise.race([reports.wait(id, 'placed'), reports.wait(id, 'lost')]), 'the sandbox');
  if (placed.type === 'lost') throw new Error(`the sandbox was lost: ${placed.reason}`);
  const stream = await instance.claim(placed.connection);
  const initialised = Promise.withResolvers<void>();
  const sandbox = new SafeSandbox(stream, {
    onInitialised: () => initialised.resolve(),
    onInitFailed: (document) => initialised.reject(new Error(`init failed: ${document.toString()}`)),
    onLog: () => undefined,
    onEnding: () => undefined,
    onWithdrawn: () => undefined,
    onClosed: (reason) => initialised.reject(new Error(reason)),
  });
  const { runtime, handler, functionName, version, memoryMb, logGroup } = spec;
  const environment = { AWS_REGION: spec.region, PATH: '/usr/local/bin:/usr/bin:/bin', ...spec.environment };
  sandbox.init({
    runtime,
    handler,
    environment,
    functionName,
    version,
    memoryMb,
    logGroup,
    logStream: 'conformance',
  });
  await within(initialised.promise, 'init');
  instance.send({ type: 'limit-cpu', sandbox: id });
  const invoke = (event: string): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const payload = Buffer.from(event);
    sandbox.invoke(
      { requestId: randomUUID(), timeoutMs: WAIT_MS, arn: spec.functionArn, length: payload.length },
      payload,
      {
        onLog: () => undefined,
        onHead: () => false,
        onPart: () => undefined,
        onWhole: () => undefined,
        onResponse: (response) => resolve(response.toString()),
        onError: (document) => reject(new Error(document.toString())),
        onResponseTooLarge: () => reject(new Error('too large')),
      },
    );
    return within(promise, 'the response');
  };
  return { id, path: placed.path, slot: placed.slot, invoke };
}

/** Fails a test that would otherwise hang, saying what it waited for. */
async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come in ${WAIT_MS / 1000} s`)), WAIT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
