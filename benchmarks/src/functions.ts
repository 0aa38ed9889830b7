import { CreateFunctionCommand, GetFunctionConfigurationCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { setTimeout as delay } from 'node:timers/promises';
import type { FunctionSettings } from './hearth.ts';
import { zipOneFile } from './zip.ts';

/** The function that all benchmarks run: a JSON echo. */
const code = zipOneFile('index.mjs', 'export const handler = async (event) => event;\n');

/** The same behind a function URL: it echoes the body of a request. */
export const urlCode = zipOneFile(
  'index.mjs',
  `export const handler = async ({ body }) => ({
    statusCode: 200, headers: { 'content-type': 'application/json' }, body,
  });\n`,
);

/** Requests for creation that are under way at the same time. */
const PARALLEL = 8;

/**
 * Creates functions through the API, all with the same code (an echo, unless `settings` has another), and waits until each is Active. None of them is invoked.
 *
 * @throws Error if one of them fails or isn't Active after 30 s
 */
export async function createFunctions(
  client: LambdaClient,
  names: readonly string[],
  settings: FunctionSettings = {},
): Promise<void> {
  const waiting = names.values();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      // One iterator shared by all: each name is taken once.
      for (const name of waiting) await createFunction(client, name, settings);
    }),
  );
}

async function createFunction(client: LambdaClient, name: string, settings: FunctionSettings): Promise<void> {
  let { State: state, StateReason: reason } = await client.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: 'nodejs26.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::000000000000:role/benchmark',
      Code: { ZipFile: code },
      MemorySize: 128,
      Timeout: 30,
      ...settings,
    }),
  );
  for (let attempt = 0; state !== 'Active'; attempt++) {
    if (state === 'Failed' || attempt === 600) throw new Error(`function ${name} is ${state}: ${reason}`);
    await delay(50);
    ({ State: state, StateReason: reason } = await client.send(
      new GetFunctionConfigurationCommand({ FunctionName: name }),
    ));
  }
}

/** `count` names of functions that no earlier call has given out in this process. */
export function freshNames(prefix: string, count: number): string[] {
  return Array.from({ length: count }, () => `${prefix}-${(serial += 1)}`);
}

let serial = 0;
