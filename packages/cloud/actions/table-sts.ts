// Owns the list of STS's implemented actions.

import type { App } from '../app/app.ts';
import type { ActionTable } from './action.ts';
import { createTable } from './create-table.ts';
import { getCallerIdentity } from './get-caller-identity.ts';

const STS_HANDLERS = { GetCallerIdentity: getCallerIdentity };

export const STS_ACTIONS: readonly string[] = Object.keys(STS_HANDLERS);

export function createStsActions(app: App): ActionTable {
  return createTable(app, 'STS', STS_HANDLERS);
}
