// Owns CloudWatch's TagResource.

import { addAlarmTags, getAlarmByArn } from '../app/alarm-tags.ts';
import { parseTags } from '../app/tags.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';

export const tagResource: CloudwatchHandler<'TagResource'> = async (app, context, input) => {
  const tags = parseTags(input.Tags);
  await app.store.transaction(async (tx) => {
    await addAlarmTags(tx, await getAlarmByArn(tx, context, input.ResourceARN), tags);
  });
  return {};
};
