import { Argument, InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type * as commands from './commands/capacity.ts';

type Output = { json?: boolean };

const load = (): Promise<typeof commands> => import('./commands/capacity.ts');

/** Declares `hearth capacity` and what is below it. */
export function addCapacityCommands(program: Command): void {
  const capacity = program
    .command('capacity')
    .description('capacity that accounts have bought: instances that are theirs before any request')
    .addHelpText(
      'after',
      `
A purchase is of one class:
  dedicated  instances that are one account's alone, always there
  reserved   a number of executions that are always admitted; what is idle may be lent
  variable   instances while the machine has room to spare; requests wait for them
docs/guides/capacity.md has the whole story.

Examples:
  hearth capacity buy dedicated --amount 2 --function hello
  hearth capacity buy reserved --amount 20 --memory 256 --until 30d
  hearth capacity buy variable --amount 2 --min-free 50%
  hearth capacity policy 000000000000 wait --wait 10s
  hearth capacity usage --since 7d
`,
    );
  const add = (usage: string, description: string): Command =>
    capacity.command(usage).description(description).option('--json', 'answer in JSON, for scripts');

  add('ls', 'list purchases, what is ready of them, and the policies').action(async (options: Output) =>
    (await load()).list(options),
  );
  const buy = capacity
    .command('buy')
    .description('buy capacity, and wait until it is ready')
    .addArgument(new Argument('<class>', 'what is bought').choices(['dedicated', 'reserved', 'variable']))
    .option('--account <id>', 'whose it is to be (default: the account of AWS_ACCESS_KEY_ID)');
  terms(buy).action(async (kind: string, options: commands.BuyOptions) => (await load()).buy(kind, options));
  terms(capacity.command('change <purchase>').description('change what is named, and leave the rest as it is')).action(
    async (id: string, options: commands.BuyOptions) => (await load()).change(id, options),
  );
  add('release <purchase...>', 'give capacity up; what runs there may finish').action(
    async (ids: string[], options: Output) => (await load()).release(ids, options),
  );
  add(
    'policy <account> <policy>',
    'choose what becomes of requests when what is bought is used up: overflow, deny, wait or grow',
  )
    .option('--wait <span>', 'of wait and grow: how long a request waits (default: 30s)')
    .option('--max <instances>', 'of grow: how many instances there may be', wholeNumber)
    .action(async (account: string, kind: string, options: commands.PolicyOptions) =>
      (await load()).policy(account, kind, options),
    );
  add('usage', 'show what was held and used, by account and class')
    .option('--account <id>', 'of one account only')
    .option('--since <span>', 'of the last 30m, 24h, 7d (default: 24h)')
    .action(async (options: Output & { account?: string; since?: string }) => (await load()).usage(options));
}

function terms(command: Command): Command {
  return command
    .option('--amount <count>', 'instances; of reserved executions at once (default: 1)', wholeNumber)
    .option(
      '--memory <MB>',
      "size of an instance (default: the server's); of reserved what an execution needs (default: 128)",
      wholeNumber,
    )
    .option(
      '--function <name...>',
      'functions whose code and layers are loaded ahead; name=2 keeps two sandboxes initialised too',
    )
    .option('--runtime <id...>', 'runtimes that are warm in each instance')
    .option('--until <time>', 'end of the term: 30d, 2026-12-31, or none')
    .option('--window <days from-to...>', 'when it is there, like "mon-fri 08:00-18:00"; or always')
    .option('--zone <name>', "time zone of the windows, like Europe/Berlin (default: this machine's)")
    .option('--min-free <share>', 'of variable: what has to be free of the machine, like 50%')
    .option('--max-price <price>', 'of variable: the most that it may cost; 1 is the price on demand')
    .option('--lend <span>', 'of reserved: lend what is idle to functions that end within this time')
    .option('--no-wait', "don't wait until it is ready")
    .option('--json', 'answer in JSON, for scripts');
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It has to be a whole number.');
  return Number(text);
}
