// Owns the report of an account's users and the state of their keys. It is written whenever it is read, so that it is always
// complete and never old.
// Source: IAM User Guide, "Generate credential reports for your AWS account".

import type { AccountId } from '@ironbark/core/ids.ts';
import type { App } from '../../app/app.ts';
import type { KeyUse } from '../../app/iam/key-uses.ts';
import { type AccessKeyRow, listAccounts, listKeysOf } from '../../store/accounts.ts';
import { listNamed } from '../../store/iam-names.ts';
import { findKeyUse } from '../../store/key-uses.ts';
import type { IamHandlers } from './iam-handler.ts';

const KEY_COLUMNS = [
  'active',
  'last_rotated',
  'last_used_date',
  'last_used_region',
  'last_used_service',
];
/** "Up to two access keys"; nobody has a certificate. */
const KEYS = 2;
const COLUMNS = [
  ...['user', 'arn', 'user_creation_time', 'password_enabled', 'password_last_used'],
  ...['password_last_changed', 'password_next_rotation', 'mfa_active'],
  ...[1, 2].flatMap((at) => KEY_COLUMNS.map((column) => `access_key_${at}_${column}`)),
  ...['cert_1_active', 'cert_1_last_rotated', 'cert_2_active', 'cert_2_last_rotated'],
];

export const REPORT_ACTIONS: IamHandlers<'GenerateCredentialReport' | 'GetCredentialReport'> = {
  GenerateCredentialReport: async () => ({ State: 'COMPLETE' }),
  GetCredentialReport: async (app, { accountId }) => {
    const text = await writeReport(app, accountId);
    const GeneratedTime = new Date(app.clock.nowMs());
    return { Content: Buffer.from(text, 'utf8'), ReportFormat: 'text/csv', GeneratedTime };
  },
};

async function writeReport(app: App, accountId: AccountId): Promise<string> {
  const db = app.store.query;
  const account = (await listAccounts(db)).find(({ id }) => id === accountId)!;
  const root = `arn:aws:iam::${accountId}:root`;
  const rows = [
    COLUMNS,
    [
      ...['<root_account>', root, renderTime(account.createdAt), 'not_supported'],
      ...(await describeCredentials(app, accountId)),
    ],
  ];
  for (const { id, name, arn, createdAt } of await listNamed(db, 'user', accountId)) {
    const own = await describeCredentials(app, id);
    rows.push([name, arn, renderTime(createdAt), 'false', ...own]);
  }
  return `${rows.map((row) => row.map(quote).join(',')).join('\n')}\n`;
}

/** No password, no device, keys, no certificate. */
async function describeCredentials(app: App, ownerId: string): Promise<string[]> {
  const keys = await listKeysOf(app.store.query, ownerId);
  const sorted = keys.toSorted((left, right) => left.createdAt - right.createdAt);
  const cells: string[] = ['N/A', 'N/A', 'N/A', 'false'];
  for (let at = 0; at < KEYS; at++) cells.push(...(await describeKey(app, sorted[at])));
  return [...cells, 'false', 'N/A', 'false', 'N/A'];
}

async function describeKey(app: App, key: AccessKeyRow | undefined): Promise<string[]> {
  if (key === undefined) return ['false', 'N/A', 'N/A', 'N/A', 'N/A'];
  const use: KeyUse | undefined =
    app.keyUses.find(key.id) ?? (await findKeyUse(app.store.query, key.id));
  return [
    String(key.status === 'active'),
    renderTime(key.createdAt),
    ...(use === undefined
      ? ['N/A', 'N/A', 'N/A']
      : [renderTime(use.atMs), use.region, use.service]),
  ];
}

function renderTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, '+00:00');
}

/** Names may have commas. */
function quote(cell: string): string {
  return /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
