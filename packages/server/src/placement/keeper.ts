import type { Sandbox } from './sandbox.ts';

/**
 * Whoever has sandboxes kept, whether anyone uses them or not. Such a sandbox is taken before others of its version, holds its whole
 * memory while it is idle, so that it can always be woken, and ends neither because it is idle nor to make room.
 */
export interface Keeper {
  /** What for, in a word, for people. */
  readonly name: string;
  /** What the sandbox finds in AWS_LAMBDA_INITIALIZATION_TYPE, for as long as it lives. */
  readonly initializationType: InitializationType;
  /** The sandbox is past its time, and ends when it is let go of: another takes its place first. */
  outdated(sandbox: Sandbox): void;
  /** It is gone, or its instance takes no more work. */
  lost(sandbox: Sandbox): void;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime */
export type InitializationType = 'on-demand' | 'provisioned-concurrency' | 'lambda-managed-instances';
