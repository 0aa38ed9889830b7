import type { InvocationRecord } from '../record.ts';

/** The record of a first invocation, as a server answers it. */
export const COLD: InvocationRecord = {
  requestId: '11111111-2222-3333-4444-555555555555',
  account: '000000000000',
  functionName: 'hello',
  version: '$LATEST',
  versionReason: 'current',
  sandbox: 's-1',
  instance: 'i-1',
  startPath: 'spare',
  instanceStep: 'boot',
  pool: 'general',
  reason: 'no instance had room and none was warm; one was made; a spare was ready',
  receivedAt: '2026-11-21T03:38:26.123Z',
  times: { placed: 620, initialised: 640, started: 640.5, ended: 680 },
  ladder: [
    { step: 'idle', taken: false, why: 'there is no sandbox of this version', at: 0.1 },
    { step: 'warming', taken: false, why: 'no warm instance is ready', at: 0.2 },
    { step: 'wait', taken: false, why: 'waits until there is room', at: 0.2 },
    { step: 'boot', taken: true, why: 'no instance had room and none was warm; one was made', at: 612 },
  ],
  costs: { boot: 611, code: 5, sandbox: 3 },
  status: 'succeeded',
};
