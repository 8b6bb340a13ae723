// Owns MonitorInstances: detailed monitoring on.

import { refuseParameters } from '../app/refusals.ts';
import { INSTANCE, requireIds } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { setMonitoring } from './instance-monitoring.ts';

export const monitorInstances: Ec2Handler<'MonitorInstances'> = async (app, context, input) => {
  refuseParameters(input, ['MetricCategoryIds']);
  const ids = requireIds(INSTANCE, input.InstanceIds, 'InstanceId');
  return { InstanceMonitorings: await setMonitoring(app, context, { ids, enabled: true }) };
};
