// Owns when access logs are delivered: once a minute, earlier when there is a lot, and at the end of the process.

import { type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { AccessLogs } from '../app/access-log-lines.ts';
import { deliverAccessLog } from '../app/access-logs.ts';
import type { ObjectsContext } from '../app/context.ts';

export const ACCESS_LOG_MS = 60_000;

export function accessLogDelivery(context: ObjectsContext, logs: AccessLogs): Reconciler {
  return {
    name: 'access-log',
    listKeys: async () => {
      const lines = logs.takeDropped();
      if (lines > 0) context.logger.warn('access log lines were dropped: too many wait', { lines });
      return logs.listBuckets();
    },
    reconcile: async (bucketId) => {
      await deliverAccessLog(context, logs, bucketId);
      return SETTLED;
    },
  };
}

/** Nobody adds any more. */
export async function deliverRest(context: ObjectsContext, logs: AccessLogs): Promise<void> {
  for (const bucketId of logs.listBuckets()) {
    try {
      await deliverAccessLog(context, logs, bucketId);
    } catch (error) {
      context.logger.warn('an access log was lost at the end', { error });
    }
  }
}
