// Owns CloudWatch's ListTagsForResource.

import { getAlarmByArn, tagsOfAlarm } from '../app/alarm-tags.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';

export const listTagsForResource: CloudwatchHandler<'ListTagsForResource'> = async (
  app,
  context,
  { ResourceARN },
) => {
  const row = await getAlarmByArn(app.store.query, context, ResourceARN);
  return { Tags: tagsOfAlarm(row).map(({ key, value }) => ({ Key: key, Value: value })) };
};
