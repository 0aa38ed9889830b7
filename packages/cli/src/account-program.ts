import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type * as commands from './commands/account.ts';

type Output = { json?: boolean };

const load = (): Promise<typeof commands> => import('./commands/account.ts');

/** Declares `hearth account` and what is below it. */
export function addAccountCommands(program: Command): void {
  const account = program
    .command('account')
    .description("accounts and their keys, on a server with --auth sigv4; needs the operator's token")
    .addHelpText(
      'after',
      `
The operator's token is in the file operator.token of the server's data directory,
where these commands find it if they may read it (HEARTH_DATA says which directory),
or in HEARTH_OPERATOR_TOKEN. docs/guides/credentials.md has the whole story.

Examples:
  hearth account create --name team-blue
  hearth account key create 123456789012
  hearth account key rotate 123456789012
`,
    );
  const add = (parent: Command, usage: string, description: string): Command =>
    parent.command(usage).description(description).option('--json', 'answer in JSON, for scripts');

  add(account, 'create', 'make an account')
    .option('--name <name>', 'for people')
    .option('--id <digits>', '12 digits, as 000000000000 for what was made with --auth dev (default: chosen)')
    .option('--concurrency <count>', "executions at once (default: the server's own limit)", limit)
    .action(async (options: commands.AccountOptions) => (await load()).create(options));
  add(account, 'list', 'list accounts').action(async (options: Output) => (await load()).list(options));
  add(account, 'set <account>', "change an account's name or limits")
    .option('--name <name>', 'for people')
    .option('--concurrency <count>', "executions at once, or none for the server's own limit", limit)
    .action(async (id: string, options: commands.AccountOptions) => (await load()).set(id, options));
  add(account, 'delete <account>', 'delete an account that has no functions any more').action(
    async (id: string, options: Output) => (await load()).remove(id, options),
  );
  add(account, 'rekey', 'make a new master key and seal all secrets anew').action(async (options: Output) =>
    (await load()).rekey(options),
  );

  const key = account.command('key').description('keys of an account; two may be active, so that they can be rotated');
  add(key, 'create <account>', 'make a key; its secret is shown once').action(async (id: string, options: Output) =>
    (await load()).createKey(id, options),
  );
  add(key, 'list <account>', 'list keys, and when they were used last').action(async (id: string, options: Output) =>
    (await load()).listKeys(id, options),
  );
  add(key, 'rotate <account>', 'make the next key, while the one in use goes on working').action(
    async (id: string, options: Output) => (await load()).rotateKey(id, options),
  );
  add(key, 'deactivate <account> <key>', 'have a key stop working at once').action(
    async (id: string, name: string, options: Output) => (await load()).setKeyStatus(id, name, 'Inactive', options),
  );
  add(key, 'activate <account> <key>', 'have a deactivated key work again').action(
    async (id: string, name: string, options: Output) => (await load()).setKeyStatus(id, name, 'Active', options),
  );
  add(key, 'delete <account> <key>', 'delete a key for good').action(
    async (id: string, name: string, options: Output) => (await load()).deleteKey(id, name, options),
  );
}

function limit(text: string): number | 'none' {
  if (text === 'none') return text;
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It has to be a whole number, or none.');
  return Number(text);
}
