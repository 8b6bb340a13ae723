// Owns the list of Service Quotas' implemented actions.

import type { App } from '../app/app.ts';
import type { ActionTable } from './action.ts';
import { createTable } from './create-table.ts';
import { QUOTA_ACTIONS } from './quotas/quotas.ts';

export const SERVICEQUOTAS_ACTIONS: readonly string[] = Object.keys(QUOTA_ACTIONS).sort();

export function createServicequotasActions(app: App): ActionTable {
  return createTable(app, 'servicequotas', QUOTA_ACTIONS);
}
