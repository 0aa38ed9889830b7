import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FunctionSpec } from '@hearth/protocol';
import { execOrder } from './exec.ts';

const ABLE = { suitsLarge: true };
const UNABLE = { suitsLarge: false };

function spec(memoryMb: number, environment: Record<string, string> = {}): FunctionSpec {
  return {
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
    memoryMb,
    environment,
    runtime: 'nodejs26.x',
  } as FunctionSpec;
}

describe('a function is started anew', () => {
  it('where a fork could not have the heap that its memory allows, and the reason says so', () => {
    for (const memoryMb of [512, 1769, 10_240]) {
      assert.equal(execOrder(spec(memoryMb), ABLE), undefined);
      const { reason, order } = execOrder(spec(memoryMb), UNABLE) ?? assert.fail(`${memoryMb} MB were forked`);
      assert.match(reason, new RegExp(`^${memoryMb} MB want a larger young generation`));
      assert.ok(
        order.options.some((option) => /^--max-semi-space-size=(16|32|64)$/.test(option)),
        String(order.options),
      );
    }
    for (const memoryMb of [128, 511]) assert.equal(execOrder(spec(memoryMb), UNABLE), undefined);
  });

  it('where there is nothing to fork from', () => {
    assert.match(execOrder(spec(128), undefined)?.reason ?? '', /no warm zygote of nodejs26\.x/);
  });

  it('where it sets what Node reads when it starts, with heap sizes that suit it unless those are set', () => {
    const { reason, order } = execOrder(spec(1769, { NODE_OPTIONS: '--max_semi_space_size=4' }), ABLE) ?? assert.fail();
    assert.match(reason, /sets NODE_OPTIONS/);
    assert.ok(!order.options.some((option) => option.startsWith('--max')), String(order.options));
    assert.ok(order.options.includes('--v8-pool-size=1'));
    // More than one processor: V8's threads have somewhere to run.
    assert.ok(!(execOrder(spec(3538, { TZ: 'UTC' }), ABLE)?.order.options ?? []).includes('--v8-pool-size=1'));
  });
});
