// Owns CloudWatch's UntagResource.

import { getAlarmByArn, removeAlarmTags } from '../app/alarm-tags.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';

export const untagResource: CloudwatchHandler<'UntagResource'> = async (app, context, input) => {
  await app.store.transaction(async (tx) => {
    await removeAlarmTags(tx, await getAlarmByArn(tx, context, input.ResourceARN), input.TagKeys);
  });
  return {};
};
