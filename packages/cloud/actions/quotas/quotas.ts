// Owns the actions of Service Quotas: what the caller's account may have. Values are for administrators to set.

import type {
  ServiceQuota,
  ServicequotasAction,
  ServicequotasInput,
  ServicequotasOutput,
} from '@ironbark/protocol/servicequotas/types.ts';
import type { App } from '../../app/app.ts';
import { type PageRequest, takePage } from '../../app/pages.ts';
import {
  ALL_QUOTAS,
  QUOTA_SERVICES,
  type Quota,
  type QuotaService,
} from '../../app/quotas/catalogue.ts';
import { chooseDefault, chooseValue } from '../../app/quotas/limits.ts';
import { notOffered, refuse } from '../../app/refusals.ts';
import type { QuotaTable } from '../../store/quota-schema.ts';
import { listQuotaValues } from '../../store/quotas.ts';
import type { RequestContext } from '../action.ts';

export type ServicequotasHandlers = {
  readonly [Name in ServicequotasAction]: (
    app: App,
    context: RequestContext,
    input: ServicequotasInput<Name>,
  ) => Promise<ServicequotasOutput<Name>>;
};

export const QUOTA_ACTIONS: ServicequotasHandlers = {
  ListServices: async (_app, _context, input) => {
    const services = Object.entries(QUOTA_SERVICES).map(([ServiceCode, ServiceName]) => ({
      ServiceCode,
      ServiceName,
    }));
    const sortKey = ({ ServiceCode }: { ServiceCode: string }) => ServiceCode;
    const { items, nextToken } = pageOf(services, input, { action: 'ListServices', sortKey });
    return { Services: items, ...tokenOf(nextToken) };
  },
  ListServiceQuotas: async (app, context, input) => {
    const { QuotaCode, QuotaAppliedAtLevel = 'ACCOUNT' } = input;
    const all = quotasOf(input.ServiceCode);
    const wanted = all.filter(({ code }) => QuotaCode === undefined || code === QuotaCode);
    // Quotas of single resources there are none.
    const found = QuotaAppliedAtLevel === 'RESOURCE' ? [] : wanted;
    const { items, nextToken } = pageOf(found, input, {
      action: `ListServiceQuotas/${input.ServiceCode}`,
      sortKey: byCode,
    });
    const rows = await listQuotaValues(app.store.query, context.accountId);
    const Quotas = items.map((quota) => render(quota, context, { rows }));
    return { Quotas, ...tokenOf(nextToken) };
  },
  GetServiceQuota: async (app, context, input) => {
    if (input.ContextId !== undefined) throw notOffered('The parameter ContextId');
    const quota = getQuota(input);
    const rows = await listQuotaValues(app.store.query, context.accountId);
    return { Quota: render(quota, context, { rows }) };
  },
  ListAWSDefaultServiceQuotas: async (app, context, input) => {
    const { items, nextToken } = pageOf(quotasOf(input.ServiceCode), input, {
      action: `ListAWSDefaultServiceQuotas/${input.ServiceCode}`,
      sortKey: byCode,
    });
    const rows = await listQuotaValues(app.store.query, '');
    const Quotas = items.map((quota) => render(quota, context, { rows, isDefault: true }));
    return { Quotas, ...tokenOf(nextToken) };
  },
  GetAWSDefaultServiceQuota: async (app, context, input) => {
    const quota = getQuota(input);
    const rows = await listQuotaValues(app.store.query, '');
    return { Quota: render(quota, context, { rows, isDefault: true }) };
  },
};

function byCode({ code }: Quota): string {
  return code;
}

/** API Reference of Service Quotas: MaxResults. */
const RESULTS = { minResults: 1, maxResults: 100, aboveMax: 'refuse' } as const;

function pageOf<Item>(
  items: readonly Item[],
  request: PageRequest,
  options: { action: string; sortKey: (item: Item) => string },
) {
  return takePage(items, request, { ...RESULTS, ...options });
}

function tokenOf(nextToken: string | undefined) {
  return nextToken === undefined ? {} : { NextToken: nextToken };
}

function quotasOf(service: string): readonly Quota[] {
  if (Object.hasOwn(QUOTA_SERVICES, service)) {
    return ALL_QUOTAS.filter((quota) => quota.service === service);
  }
  throw refuse(
    'not-found',
    'request',
    'The request failed because the specified service does not exist.',
  );
}

function getQuota(input: { ServiceCode: string; QuotaCode: string }): Quota {
  const found = quotasOf(input.ServiceCode).find(({ code }) => code === input.QuotaCode);
  if (found !== undefined) return found;
  throw refuse(
    'not-found',
    'request',
    'The request failed because the specified quota does not exist.',
  );
}

function render(
  quota: Quota,
  { region, accountId }: RequestContext,
  { rows, isDefault = false }: { rows: readonly QuotaTable[]; isDefault?: boolean },
): ServiceQuota {
  const { service, code, name } = quota;
  // AWS's defaults are nobody's.
  const owner = isDefault ? '' : accountId;
  return {
    ServiceCode: service,
    ServiceName: QUOTA_SERVICES[service satisfies QuotaService],
    QuotaArn: `arn:aws:servicequotas:${region}:${owner}:${service}/${code}`,
    QuotaCode: code,
    QuotaName: name,
    Value: isDefault ? chooseDefault(quota, rows) : chooseValue(quota, rows),
    Unit: 'None',
    Adjustable: true,
    GlobalQuota: false,
    QuotaAppliedAtLevel: 'ACCOUNT',
  };
}
