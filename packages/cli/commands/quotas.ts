// Owns `ironbark quotas`: what accounts may have, for whoever runs this cloud to see and set.

import type { QuotaAdmin, QuotaSummary } from '@ironbark/cloud/app/quotas/admin.ts';
import type { CliContext } from '../context.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { renderTable } from '../terminal.ts';

export interface QuotaChoice {
  /** Name or number; absent: of every account that has no value of its own. */
  account?: string;
}

function open(context: CliContext): Promise<QuotaAdmin> {
  return getDaemon(context.dataDir, context.self);
}

export async function showQuotas(context: CliContext, choice: QuotaChoice): Promise<void> {
  const quotas = await (await open(context)).listQuotas(choice);
  context.terminal.result({ quotas }, () => renderQuotas(quotas));
}

export async function setQuota(
  context: CliContext,
  request: QuotaChoice & { code: string; value: number },
): Promise<void> {
  const quota = await (await open(context)).setQuota(request);
  context.terminal.result(quota, () => renderOne(quota, request));
}

export async function unsetQuota(
  context: CliContext,
  request: QuotaChoice & { code: string },
): Promise<void> {
  const quota = await (await open(context)).unsetQuota(request);
  context.terminal.result(quota, () => renderOne(quota, request));
}

function renderOne({ code, name, value, used }: QuotaSummary, { account }: QuotaChoice): string {
  const where = account === undefined ? 'every account without a value of its own' : account;
  const isOver = used !== undefined && used > value;
  const note = isOver ? `\nIt has ${round(used)} already: these stay, and no more can come.` : '';
  return `${code} (${name}) is ${value} for ${where}${note}`;
}

function renderQuotas(quotas: readonly QuotaSummary[]): string {
  const hasUse = quotas.some(({ used }) => used !== undefined);
  const rows = quotas.map((quota) => [
    quota.service,
    quota.code,
    String(quota.value),
    ...(hasUse ? [quota.used === undefined ? '' : round(quota.used)] : []),
    quota.value === quota.builtIn ? '' : String(quota.builtIn),
    quota.name,
  ]);
  return renderTable(
    ['SERVICE', 'CODE', 'VALUE', ...(hasUse ? ['USED'] : []), 'BUILT IN', 'NAME'],
    rows,
  );
}

/** Storage in TiB may be small. */
function round(value: number): string {
  return String(Number(value.toFixed(3)));
}
