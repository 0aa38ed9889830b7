import { BreakEvenKeepAlive } from './break-even/break-even.ts';
import { FixedKeepAlive } from './fixed.ts';
import { GreedyDualKeepAlive } from './greedy-dual.ts';
import { HybridHistogramKeepAlive } from './hybrid-histogram.ts';
import type { KeepAliveOptions, KeepAlivePolicy, PolicyName } from './policy.ts';

const POLICIES: Readonly<Record<PolicyName, new (options: KeepAliveOptions) => KeepAlivePolicy>> = {
  fixed: FixedKeepAlive,
  'hybrid-histogram': HybridHistogramKeepAlive,
  'greedy-dual': GreedyDualKeepAlive,
  'break-even': BreakEvenKeepAlive,
};

export function createPolicy(name: PolicyName, options: KeepAliveOptions): KeepAlivePolicy {
  return new POLICIES[name](options);
}
