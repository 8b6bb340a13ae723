// Owns `ironbark account`, `ironbark user` and `ironbark key`: who may use this cloud. Secrets are shown once.

import type { AccountAdmin, IssuedKey } from '@ironbark/cloud/app/accounts.ts';
import type { CliContext } from '../context.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { renderTable } from '../terminal.ts';

function open(context: CliContext): Promise<AccountAdmin> {
  return getDaemon(context.dataDir, context.self);
}

export async function addAccount(context: CliContext, name: string): Promise<void> {
  showKey(context, await (await open(context)).addAccount({ name }), 'may do everything in it');
}

export async function addUser(
  context: CliContext,
  request: { account: string; name: string },
): Promise<void> {
  const note = 'may do nothing until a policy allows it';
  showKey(context, await (await open(context)).addUser(request), note);
}

export async function addKey(
  context: CliContext,
  request: { account: string; user?: string },
): Promise<void> {
  showKey(context, await (await open(context)).addKey(request), 'has a further key');
}

function showKey({ terminal }: CliContext, key: IssuedKey, note: string): void {
  terminal.result(key, () =>
    [
      `account            ${key.account} (${key.accountId})`,
      `principal          ${key.arn}: ${note}`,
      `access key id      ${key.accessKeyId}`,
      `secret access key  ${key.secretAccessKey}`,
      'The secret is not shown again.',
    ].join('\n'),
  );
}

export async function showAccounts(context: CliContext): Promise<void> {
  const accounts = await (await open(context)).listAccounts();
  context.terminal.result({ accounts }, () =>
    renderTable(
      ['ACCOUNT', 'NAME'],
      accounts.map((one) => [one.accountId, one.account]),
    ),
  );
}

export async function showUsers(context: CliContext): Promise<void> {
  const users = await (await open(context)).listUsers();
  context.terminal.result({ users }, () => {
    if (users.length === 0) return `No users. Add one: ${context.self} user add --account A NAME`;
    const rows = users.map((one) => [one.account, one.user, one.arn]);
    return renderTable(['ACCOUNT', 'USER', 'ARN'], rows);
  });
}

export async function removeUser(
  context: CliContext,
  request: { account: string; name: string },
): Promise<void> {
  const user = await (await open(context)).removeUser(request);
  context.terminal.result({ removed: user }, () => `Removed ${user.arn} with its keys`);
}

export async function showKeys(context: CliContext): Promise<void> {
  const keys = await (await open(context)).listKeys();
  context.terminal.result({ keys }, () =>
    renderTable(
      ['KEY', 'STATUS', 'CREATED', 'PRINCIPAL'],
      keys.map((key) => [key.accessKeyId, key.status, key.createdAt, key.arn]),
    ),
  );
}

/** Counts from the next request on. */
export async function setKeyStatus(
  context: CliContext,
  request: { key: string; status: 'active' | 'inactive' },
): Promise<void> {
  const key = await (await open(context)).setKeyStatus(request);
  context.terminal.result(key, () => `${key.accessKeyId} of ${key.arn} is ${key.status}`);
}

export async function removeKey(context: CliContext, key: string): Promise<void> {
  const removed = await (await open(context)).removeKey({ key });
  context.terminal.result({ removed }, () => `Removed ${removed.accessKeyId} of ${removed.arn}`);
}
