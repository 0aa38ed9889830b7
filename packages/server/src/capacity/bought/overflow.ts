/**
 * What becomes of a request when the sub-pools of its account lack the room for it:
 *
 * - `overflow`: it takes an instance of sub-pool `general`, as if nothing had been bought
 * - `deny`: it is throttled at once
 * - `wait`: it waits until there is room, for at most `waitMs`
 * - `grow`: the sub-pool gets more instances, up to `maxInstances` in all, and the request waits for one for at most `waitMs`
 */
export type OverflowPolicy =
  | { readonly kind: 'overflow' }
  | { readonly kind: 'deny' }
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'grow'; readonly maxInstances: number; readonly waitMs: number };

export const OVERFLOW_KINDS = ['overflow', 'deny', 'wait', 'grow'] as const;

/** What an account has that never chose: to buy capacity takes nothing away. */
export const DEFAULT_POLICY: OverflowPolicy = { kind: 'overflow' };

/** An account's choice. */
export interface AccountPolicy {
  /** 12 digits. */
  readonly account: string;
  readonly policy: OverflowPolicy;
}

/** In words, for records and people. */
export function describePolicy(policy: OverflowPolicy): string {
  switch (policy.kind) {
    case 'wait':
      return `wait for at most ${policy.waitMs / 1000} s`;
    case 'grow':
      return `grow to at most ${policy.maxInstances} instances`;
    default:
      return policy.kind;
  }
}
