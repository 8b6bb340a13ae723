// Owns DeleteAlarms: all of those that are named, or none.

import { refuse } from '../app/refusals.ts';
import { deleteAlarm, findAlarm } from '../store/alarms.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';

/** "You can delete up to 100 alarms in one operation": API reference. */
const MAX_NAMES = 100;

export const deleteAlarms: CloudwatchHandler<'DeleteAlarms'> = async (
  app,
  { accountId },
  { AlarmNames },
) => {
  if (AlarmNames.length > MAX_NAMES) {
    const message = `The parameter AlarmNames takes up to ${MAX_NAMES} names.`;
    throw refuse('invalid-parameter', 'request', message);
  }
  await app.store.transaction(async (tx) => {
    for (const name of new Set(AlarmNames)) {
      if ((await findAlarm(tx, accountId, name)) === undefined) {
        throw refuse('not-found', 'request', `There is no alarm named ${name}.`);
      }
      await deleteAlarm(tx, { accountId, name });
    }
  });
  return {};
};
