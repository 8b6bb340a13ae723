// Owns the list of CloudTrail's implemented actions.

import type { App } from '../app/app.ts';
import type { ActionTable } from './action.ts';
import { createTable } from './create-table.ts';
import { lookupEvents } from './lookup-events.ts';

const CLOUDTRAIL_HANDLERS = { LookupEvents: lookupEvents };

export const CLOUDTRAIL_ACTIONS: readonly string[] = Object.keys(CLOUDTRAIL_HANDLERS).sort();

export function createCloudtrailActions(app: App): ActionTable {
  return createTable(app, 'cloudtrail', CLOUDTRAIL_HANDLERS);
}
