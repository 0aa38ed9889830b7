import { Server } from '../client/server.ts';
import { table } from '../output/table.ts';

interface Sized {
  account: string;
  region: string;
  functionName: string;
  version: string;
  memoryMb: number;
  executions: number;
  timedOut: number;
  outOfMemory: number;
  peakMb: number;
  /** Null where its size does, or it has run too rarely to tell. */
  advice: { memoryMb: number; why: string } | null;
}

/** Shows which functions would do better with another MemorySize, and why. */
export async function advise(options: { json?: boolean }): Promise<void> {
  const answer = await new Server().json<{ functions: Sized[] }>('GET', '/_hearth/advice');
  process.stdout.write(options.json === true ? `${JSON.stringify(answer)}\n` : describe(answer.functions));
}

function describe(functions: readonly Sized[]): string {
  const advised = functions.flatMap(({ advice, ...rest }) => (advice === null ? [] : [{ ...rest, advice }]));
  const others = functions.length - advised.length;
  const rest = `${others} ${others === 1 ? 'version does' : 'versions do'} with the memory they have, or have run too rarely to tell.\n`;
  if (advised.length === 0) return functions.length === 0 ? 'No function has run yet.\n' : rest;
  const rows = advised.map((one) => [
    one.functionName,
    one.version,
    one.account,
    `${one.memoryMb} MB`,
    `${one.peakMb} MB`,
    one.outOfMemory,
    one.timedOut,
    one.executions,
    `${one.advice.memoryMb} MB`,
    one.advice.why,
  ]);
  const head = [
    'NAME',
    'VERSION',
    'ACCOUNT',
    '>MEMORY',
    '>PEAK',
    '>KILLED',
    '>TIMED OUT',
    '>OF',
    '>ADVISED',
    'BECAUSE',
  ];
  const [first] = advised;
  const how = `aws lambda update-function-configuration --function-name ${first!.functionName} --memory-size ${first!.advice.memoryMb}`;
  return `${table(head, rows)}\nSet it with:  ${how}\n${others > 0 ? rest : ''}`;
}
