import assert from 'node:assert/strict';
import { providerConformance } from '../conformance/provider-conformance.ts';
import { FakeProvider } from './fake-provider.ts';
import { MemoryCode, testSpec } from './spec.ts';

const ACCOUNT = '111111111111';

providerConformance('fake', () => {
  const code = new MemoryCode();
  const provider = new FakeProvider({
    code,
    handlers: {
      'echo.handler': (event) => event,
      'count.handler': (_event, { sandbox }) => Buffer.from(String(++sandbox.counter)),
    },
  });
  const sha256 = code.put(ACCOUNT, Buffer.alloc(3_000_000, 'zip'));
  const spec = (name: string, hash: string) =>
    testSpec({ functionName: name, handler: `${name}.handler`, code: { sha256: hash, size: 3_000_000 } });
  return Promise.resolve({
    provider,
    specs: { echo: spec('echo', sha256), count: spec('count', sha256) },
    tampered: spec('echo', code.put(ACCOUNT, Buffer.from('other'), '0'.repeat(64))),
    fetches: () => code.opened,
    kill: (instance) => provider.agents.get(instance.id)!.kill(),
    assertNoResidue: () => Promise.resolve(assert.equal(provider.agents.size, 0)),
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  });
});
