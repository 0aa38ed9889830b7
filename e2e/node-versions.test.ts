/** What differs between the Node runtimes: callbacks, which nodejs24.x took away, and the words of a failed init. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Hearth } from './testing/hearth.ts';

// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html (callback-based function handlers)
const CALLING = {
  'index.js': `exports.handler = (event, context, callback) => {
    context.callbackWaitsForEmptyEventLoop = event.waits;
    setTimeout(() => console.log('left over'), event.ms);
    if (event.fail) return callback(new RangeError('no'));
    callback(null, [process.version.split('.')[0], typeof context.done, process.env.AWS_EXECUTION_ENV]);
  };`,
};

describe('a function that calls back', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start({ runtimes: ['nodejs22.x', 'nodejs24.x'] });
  });

  after(() => hearth[Symbol.asyncDispose]());

  it('is served by nodejs22.x, which waits for its event loop if it is asked to', async () => {
    await hearth.create('calling', CALLING, { Runtime: 'nodejs22.x', MemorySize: 512, Timeout: 60 });
    const waited = await hearth.invoke('calling', { waits: true, ms: 50 });
    assert.equal(waited.error, undefined, waited.log);
    assert.deepEqual(waited.payload, ['v22', 'function', 'AWS_Lambda_nodejs22.x']);
    assert.match(waited.log, /\tINFO\tleft over\n/);
    const failed = await hearth.invoke('calling', { fail: true, waits: true, ms: 60_000 });
    assert.equal(failed.payload.errorType, 'RangeError');
    const hasty = await hearth.invoke('calling', { waits: false, ms: 1000 });
    assert.doesNotMatch(hasty.log, /left over/);
  });

  it('is refused by nodejs24.x and nodejs26.x', async () => {
    for (const runtime of ['nodejs24.x', 'nodejs26.x'] as const) {
      const name = `calling-${runtime.slice(6, 8)}`;
      await hearth.create(name, CALLING, { Runtime: runtime, MemorySize: 512, Timeout: 60 });
      const { payload } = await hearth.invoke(name);
      assert.equal(payload.errorType, 'Runtime.CallbackHandlerDeprecated');
    }
  });
});
