// Owns DeleteFlowLogs. What is in the bucket stays.

import { changeFor } from '../app/change.ts';
import { removeFlowLogs } from '../app/flow-logs.ts';
import { FLOW_LOG, requireIds } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteFlowLogs: Ec2Handler<'DeleteFlowLogs'> = async (app, context, input) => {
  const ids = requireIds(FLOW_LOG, input.FlowLogIds, 'FlowLogId');
  await changeFor(app, context, (change) => removeFlowLogs(context, change, ids));
  return { Unsuccessful: [] };
};
