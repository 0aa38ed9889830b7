import { RUNTIMES } from '@hearth/protocol';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { addAccountCommands } from './account-program.ts';
import { addCapacityCommands } from './capacity-program.ts';
import { parsePort } from './client/endpoint.ts';
import type { DeployOptions } from './commands/deploy.ts';
import type { InvokeOptions } from './commands/invoke.ts';
import type { UpOptions } from './commands/up.ts';
import { printError } from './output/print-error.ts';

/** Each command loads its own code when it runs, so that a short one is not kept waiting by a long one. */
function buildProgram(): Command {
  const program = new Command('hearth')
    .description(
      'AWS Lambda on your own machine: start a server with  hearth up , then deploy and invoke functions with these ' +
        "commands, or with any AWS SDK or CLI whose AWS_ENDPOINT_URL is the server's.",
    )
    .version('0.1.0')
    .showHelpAfterError('(hearth --help  lists the commands)')
    .exitOverride();
  const add = (usage: string, description: string) =>
    program.command(usage).description(description).option('--json', 'answer in JSON, for scripts');

  add('up', 'start a server, in the foreground; needs root')
    .option('--port <port>', 'port to listen on (default: HEARTH_PORT, else 4566)', (text) => parsePort(text, '--port'))
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option(
      '--data <dir>',
      'where functions and logs are kept (default: HEARTH_DATA, else /var/lib/hearth, without root ~/.local/share/hearth)',
    )
    .option('--config <file>', 'JSON file with settings, see docs/reference/configuration.md')
    .addOption(
      new Option('--auth <mode>', 'dev takes any credentials, on loopback only; sigv4 checks signatures')
        .choices(['dev', 'sigv4'])
        .default('dev'),
    )
    .option('--regions <names>', 'regions that are served, with commas (default: HEARTH_REGIONS, else any)')
    .option('--instances <count>', 'instances kept warm for whoever comes first (default: 2)', wholeNumber)
    .option(
      '--keep-alive <policy>',
      'how long idle sandboxes are kept: fixed, hybrid-histogram, greedy-dual or break-even',
    )
    .addHelpText(
      'after',
      examples('hearth up', 'hearth up --port 4600 --data ./hearth-data', 'hearth up --auth sigv4 --host 0.0.0.0'),
    )
    .action(async (options: UpOptions) => exitWith(await (await import('./commands/up.ts')).up(options)));

  add('deploy <path>', 'make or update a function from a folder, a .zip or one script')
    .option('--name <name>', "the function's name (default: from package.json, else the folder or file)")
    .option('--handler <file.export>', 'where it starts, like index.handler (default: guessed from the code)')
    .option('--runtime <id>', `runtime (default: ${RUNTIMES[0]})`)
    .option('--memory <MB>', 'memory, and CPU in proportion: 1769 MB are one processor (default: 128)', wholeNumber)
    .option('--timeout <seconds>', 'longest time of one invocation (default: 3)', wholeNumber)
    .option('--env <KEY=VALUE...>', 'environment variables, added to those it has', keyValue)
    .option('--role <arn>', 'execution role; kept and shown, but it grants nothing here')
    .option('-w, --watch', 'again each time that something is saved, until Ctrl-C')
    .addHelpText(
      'after',
      `
An existing function keeps whatever is not named. A folder is packed with its
node_modules, without .git and what .hearthignore lists.
${examples('hearth deploy .', 'hearth deploy greet.mjs --memory 256 --env STAGE=test', 'hearth deploy . --watch')}`,
    )
    .action(async (path: string, options: DeployOptions & { watch?: boolean }) => {
      if (options.watch === true) {
        await (await import('./commands/watch.ts')).watchAndDeploy(path, options, interrupted());
      } else await (await import('./commands/deploy.ts')).deploy(path, options);
    });

  add('invoke <name> [payload]', 'invoke a function with JSON text, @FILE, or - for stdin ({} if not given)')
    .option('--log', "show the last 4 KB of the invocation's log")
    .option('--stream', 'print what the function streams as it comes (awslambda.streamifyResponse)')
    .option('--qualifier <version>', 'alias, version number or $LATEST')
    .addOption(
      new Option(
        '--run-by <time>',
        'it may wait for a time with less demand, and has to be done by then: seconds from now, or like 2026-11-21T18:00Z',
      ).conflicts('stream'),
    )
    .addOption(
      new Option('--when-due <what>', 'where no such time comes: run it all the same, or fail')
        .choices(['run', 'fail'])
        .conflicts('stream'),
    )
    .addHelpText(
      'after',
      `
The answer goes to stdout, all about it to stderr. The exit code is 1 where the
function failed.
${examples(`hearth invoke hello '{"name": "you"}'`, 'hearth invoke hello @event.json --log', 'hearth invoke report --run-by 3600')}`,
    )
    .action(async (name: string, payload: string | undefined, options: InvokeOptions) =>
      exitWith(await (await import('./commands/invoke.ts')).invoke(name, payload, options)),
    );

  add('why <requestId>', 'tell what became of an invocation, and why')
    .addHelpText(
      'after',
      `
The id stands in the last line of  hearth invoke , in the header x-amzn-requestid of
every answer, and in the function's log.
${examples('hearth why 2971a421-acc9-44ab-90bd-69e6e42993dc')}`,
    )
    .action(async (requestId: string, options: { json?: boolean }) =>
      (await import('./commands/why.ts')).why(requestId, options),
    );

  add('advise', 'say which functions would do better with more memory, or less')
    .addHelpText(
      'after',
      `
By their last few hundred invocations: the most memory they used, how many were killed
for want of it or timed out. CPU is in proportion to memory.`,
    )
    .action(async (options: { json?: boolean }) => (await import('./commands/advise.ts')).advise(options));

  add('logs <name>', "show a function's log")
    .option('-f, --follow', 'go on with new lines')
    .option('--since <span>', 'only the last 30s, 10m, 2h, 1d')
    .option('--account <id>', 'whose function it is (default: the account of AWS_ACCESS_KEY_ID)')
    .addHelpText('after', examples('hearth logs hello --since 10m', 'hearth logs hello --follow'))
    .action(async (name: string, options: { follow?: boolean; since?: string; account?: string; json?: boolean }) =>
      (await import('./commands/logs.ts')).logs(name, { ...options, signal: interrupted() }),
    );

  add('ls', 'list functions').action(async (options: { json?: boolean }) =>
    (await import('./commands/ls.ts')).ls(options),
  );

  add('ps', 'show pools, instances, and the sandboxes in them')
    .option('-w, --watch', 'live, until Ctrl-C; without a terminal one page after the other')
    .addHelpText(
      'after',
      `
An instance in pool warming belongs to nobody yet; one in pool active belongs to
an account and holds its sandboxes. COMMITTED is what placement counts: the full
memory of a sandbox that executes, what an idle one really uses. READY is how many
warm instances wait, of those that should (TARGET).
${examples('hearth ps', 'hearth ps --watch', 'hearth ps --watch --json | jq .warmingPool')}`,
    )
    .action(async (options: { watch?: boolean; json?: boolean }) =>
      (await import('./commands/ps.ts')).ps({ ...options, signal: interrupted() }),
    );

  add('rm <name...>', 'delete functions').action(async (names: string[], options: { json?: boolean }) =>
    (await import('./commands/rm.ts')).rm(names, options),
  );

  const runtimes = add('runtimes', 'list the runtimes, and fetch one ahead of its first use')
    .addHelpText(
      'after',
      `
A runtime that is not on the server's machine is fetched from the npm registry when
a function first names it.
${examples('hearth runtimes', 'hearth runtimes install nodejs22.x')}`,
    )
    .action(async (options: { json?: boolean }) => (await import('./commands/runtimes.ts')).runtimes(options));
  runtimes
    .command('install <name>')
    .description('fetch a runtime, if it is not there yet')
    .option('--json', 'answer in JSON, for scripts')
    .action(async (name: string, options: { json?: boolean }, command: Command) =>
      (await import('./commands/runtimes.ts')).installRuntime(name, command.optsWithGlobals<typeof options>()),
    );
  addAccountCommands(program);
  addCapacityCommands(program);

  add('doctor', 'see whether this machine has what a server needs, and how to get what it lacks').action(
    async (options: { json?: boolean }) => exitWith(await (await import('./commands/doctor.ts')).doctor(options)),
  );
  return program;
}

/** The last part of a command's help. */
function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It has to be a whole number.');
  return Number(text);
}

function keyValue(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, key, value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined) throw new InvalidArgumentError('Write it like NAME=value.');
  return { ...before, [key]: value };
}

/** Aborts when the person presses Ctrl-C; the command then ends as if it were done. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  return controller.signal;
}

function exitWith(code: number): void {
  process.exitCode = code;
}

function fail(error: unknown, json: boolean): void {
  process.exitCode = 1;
  if (error instanceof CommanderError) {
    // Commander has said what is wrong, or shown the help that was asked for.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  printError(error, json);
}

/** Runs the command that `process.argv` names; sets the exit code. Never rejects. */
export async function run(): Promise<void> {
  // A reader that goes away, as in  hearth logs NAME | head , is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await buildProgram().parseAsync();
  } catch (error) {
    fail(error, process.argv.includes('--json'));
  }
}
