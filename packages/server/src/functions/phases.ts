import type { FunctionConfiguration } from '@aws-sdk/client-lambda';
import { configuration } from './configuration.ts';
import type { Phase } from './configuration.ts';
import type { FunctionRecord, VersionRecord } from './function-record.ts';
import type { RuntimeShelf } from './ports.ts';

/**
 * A function or version as it is now. It isn't ready before its runtime is there: until then AWS's waiters wait, and
 * fail where it can't be had.
 */
export function currentConfiguration(
  record: FunctionRecord | VersionRecord,
  qualifier: string | undefined,
  runtimes: RuntimeShelf,
): FunctionConfiguration {
  const { phase, reason, code } = phaseOf(record, runtimes);
  return configuration(record, phase, qualifier, reason, code);
}

interface CurrentPhase {
  readonly phase: Phase;
  readonly reason?: string | undefined;
  readonly code?: string | undefined;
}

function phaseOf(record: FunctionRecord | VersionRecord, runtimes: RuntimeShelf): CurrentPhase {
  if ('update' in record && record.update !== undefined) {
    // One that nobody works at has failed too: that could not be written down.
    const { reason = 'The update could not be ended.', code } = record.update;
    return { phase: 'not-updated', reason, code };
  }
  const { runtime } = record.settings;
  const state = runtimes.state(runtime);
  if (state === 'ready') return { phase: 'settled' };
  // A version never changes: it is new until it can run.
  const isNew = 'version' in record || record.revision === 1;
  if (state === 'failed') return { phase: isNew ? 'not-created' : 'not-updated', reason: runtimes.failure(runtime)! };
  runtimes.want(runtime);
  return {
    phase: isNew ? 'creating' : 'updating',
    reason: `${runtime} is being fetched: it was not on this machine.`,
  };
}
