import { formatMilliseconds } from '../output/amounts.ts';
import { printable } from '../output/printable.ts';
import type { InvocationRecord, LadderStep } from './record.ts';
import { timeline } from './timeline.ts';

const VERSIONS: Record<string, string> = {
  current: 'the newest of what the request names',
  pinned: 'the request names it by its number',
  'stale-while-downloading': 'the old one, because the new one is not ready yet',
  'stale-during-canary': 'the old one, while a part of the requests tries the new one',
  'stale-update-failed': 'the old one, because the new one could not take over',
  canary: 'the new one: this request is one of those that try it',
};

const STEPS: Record<string, string> = {
  idle: 'an idle sandbox of the version',
  line: 'a busy sandbox that is soon done',
  runtime: 'the language runtime',
  code: 'an instance that has the code',
  room: "one of the account's instances",
  warming: 'an instance from the warming pool',
  boot: 'an instance made for it',
  wait: 'to wait for room',
  again: 'once more',
};

const PATHS: Record<string, string> = {
  warm: 'it was there already (warm)',
  spare: 'made of a spare',
  fork: 'forked from the zygote',
  exec: 'its language runtime was started anew (exec)',
};

/**
 * The record of an invocation as a short story: what became of it, which version ran and why, where, what was tried to
 * find that place, and what took how long.
 *
 * @param now milliseconds since the epoch, for one that is still under way.
 */
export function story(record: InvocationRecord, now: number): string {
  const { times, costs } = record;
  const passed = Math.max(0, now - Date.parse(record.receivedAt));
  const until = times.ended ?? Math.max(passed, times.started ?? 0, times.placed ?? 0);
  const facts: [string, string[]][] = [
    ['received', [record.receivedAt]],
    ['version', [`${record.version}: ${VERSIONS[record.versionReason] ?? record.versionReason}`]],
  ];
  if (record.deferral !== undefined) facts.push(['deferred', deferralLines(record.deferral)]);
  if (record.ladder.length > 0) facts.push(['tried', ladderLines(record.ladder)]);
  if (record.sandbox !== '') facts.push(['ran in', placeLines(record)]);
  if (costs.boot !== undefined) facts.push(['boot', [`making the instance took ${formatMilliseconds(costs.boot)}`]]);
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts.flatMap(([name, texts]) =>
    texts.map((text, index) => `  ${(index === 0 ? name : '').padEnd(width)}  ${text}`),
  );
  // Of one that never began there is nothing to draw, unless it waited for room.
  const began = !['deferred', 'cancelled'].includes(record.status) && (record.sandbox !== '' || until > 0);
  const phases = began ? timeline(record, until) : [];
  const parts = [headline(record, until), '', ...lines];
  if (phases.length > 0) parts.push('', ...phases.map((line) => `  ${line}`));
  return `${printable(parts.join('\n'))}\n`;
}

function headline(record: InvocationRecord, until: number): string {
  const { functionName, account, status, error, sandbox, times } = record;
  const who = `${functionName} of account ${account}`;
  const time = formatMilliseconds(until);
  const because = error === undefined ? '' : `: ${error}`;
  switch (status) {
    case 'succeeded':
      return `${who} succeeded after ${time}.`;
    case 'running':
      if (sandbox === '') return `${who} has waited for a sandbox for ${time}.`;
      return `${who} ${times.started === undefined ? 'is being initialised' : 'runs'}, ${time} after it came.`;
    case 'deferred':
      return `${who} waits for a time with less demand, and has for ${time}.`;
    case 'cancelled':
      return `${who} was cancelled after ${time}${because}`;
    case 'throttled':
      return `${who} was throttled${until === 0 ? '' : ` after ${time}`}, and did not run${because}`;
    case 'timed-out':
      return `${who} timed out after ${time}${because}`;
    case 'lost':
      return `${who} lost its sandbox after ${time}${because}`;
    default:
      return `${who} ${sandbox === '' ? 'could not be run' : 'failed'} after ${time}${because}`;
  }
}

function deferralLines(deferral: NonNullable<InvocationRecord['deferral']>): string[] {
  const { receivedAt, runBy, latestStart, expectedMs, delayedBecause, begunBecause, waited } = deferral;
  const lines = [
    `asked for at ${receivedAt}, to be done by ${runBy}`,
    `it takes ${formatMilliseconds(expectedMs)} or less as a rule, so it may begin until ${latestStart}`,
  ];
  if (delayedBecause !== null) lines.push(`it waited: ${delayedBecause}`);
  if (begunBecause !== null) {
    lines.push(
      `it began ${delayedBecause === null ? 'at once' : `after ${formatMilliseconds(waited)}`}: ${begunBecause}`,
    );
  }
  return lines;
}

function ladderLines(ladder: readonly LadderStep[]): string[] {
  const names = Math.max(...ladder.map(({ step }) => (STEPS[step] ?? step).length));
  return ladder.map(({ step, taken, why, at }) => {
    const name = (STEPS[step] ?? step).padEnd(names);
    return `${formatMilliseconds(at).padStart(9)}  ${taken ? 'yes' : 'no '}  ${name}  ${why}`;
  });
}

function placeLines({ sandbox, instance, pool, startPath, instanceStep, reason, ladder }: InvocationRecord): string[] {
  const how = startPath === null ? '' : `; ${PATHS[startPath] ?? startPath}`;
  const lines = [`sandbox ${sandbox}${how}`, `instance ${instance}, sub-pool ${pool}, step ${instanceStep ?? '-'}`];
  // The first part of the reason is the ladder's last step, which is told above.
  const told = `${ladder.at(-1)?.why ?? ''}; `;
  if (reason.startsWith(told)) lines.push(reason.slice(told.length));
  return lines;
}
