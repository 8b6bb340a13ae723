// Owns the commands on accounts, users and access keys as people see them.

import type { Command } from 'commander';
import type { CliContext } from './context.ts';

type MakeContext = (command: Command) => CliContext;
type Work = typeof import('./commands/accounts.ts');

const load = (): Promise<Work> => import('./commands/accounts.ts');

export function addAccountCommands(program: Command, context: MakeContext): void {
  const account = program.command('account').description('accounts: each sees only its own');
  account
    .command('add')
    .description('a new account; prints its root key once')
    .argument('<name>', 'what you call it')
    .action(async (name: string, _flags: unknown, command: Command) => {
      await (await load()).addAccount(context(command), name);
    });
  account
    .command('list')
    .description('the accounts of this cloud')
    .action(async (_flags: unknown, command: Command) => {
      await (await load()).showAccounts(context(command));
    });
  addUserCommands(program, context);
  addKeyCommands(program, context);
}

function addUserCommands(program: Command, context: MakeContext): void {
  const user = program.command('user').description('users inside an account');
  user
    .command('add')
    .description('a new user; prints its key once. Without a policy it may do nothing')
    .argument('<name>', 'the user’s name')
    .requiredOption('--account <account>', 'name or number of the account')
    .action(async (name: string, { account }: { account: string }, command: Command) => {
      await (await load()).addUser(context(command), { account, name });
    });
  user
    .command('remove')
    .description('remove a user with all of its keys; counts at once')
    .argument('<name>', 'the user’s name')
    .requiredOption('--account <account>', 'name or number of the account')
    .action(async (name: string, { account }: { account: string }, command: Command) => {
      await (await load()).removeUser(context(command), { account, name });
    });
  user
    .command('list')
    .description('the users of all accounts')
    .action(async (_flags: unknown, command: Command) => {
      await (await load()).showUsers(context(command));
    });
}

function addKeyCommands(program: Command, context: MakeContext): void {
  const key = program.command('key').description('access keys: add, list, deactivate, remove');
  key
    .command('add')
    .description('another key, to replace one with; prints it once')
    .requiredOption('--account <account>', 'name or number of the account')
    .option('--user <name>', 'a user of it (default: the account’s root)')
    .action(async (flags: { account: string; user?: string }, command: Command) => {
      await (await load()).addKey(context(command), flags);
    });
  key
    .command('list')
    .description('all keys without their secrets')
    .action(async (_flags: unknown, command: Command) => {
      await (await load()).showKeys(context(command));
    });
  for (const [name, status] of [
    ['activate', 'active'],
    ['deactivate', 'inactive'],
  ] as const) {
    key
      .command(name)
      .description(`make a key ${status}; counts at once`)
      .argument('<key>', 'the access key id')
      .action(async (id: string, _flags: unknown, command: Command) => {
        await (await load()).setKeyStatus(context(command), { key: id, status });
      });
  }
  key
    .command('remove')
    .description('remove a key for good; counts at once')
    .argument('<key>', 'the access key id')
    .action(async (id: string, _flags: unknown, command: Command) => {
      await (await load()).removeKey(context(command), id);
    });
}
