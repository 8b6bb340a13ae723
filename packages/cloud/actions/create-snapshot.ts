// Owns CreateSnapshot.

import { changeFor } from '../app/change.ts';
import { notOffered, refuseParameters } from '../app/refusals.ts';
import { parseId, VOLUME } from '../app/resource-ids.ts';
import { takeSnapshot } from '../app/snapshots.ts';
import { parseTagSpecifications, setTags } from '../app/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTags } from './render-instance.ts';
import { renderSnapshot } from './render-snapshot.ts';

export const createSnapshot: Ec2Handler<'CreateSnapshot'> = async (app, context, input) => {
  refuseParameters(input, ['OutpostArn']);
  if (input.Location === 'local') throw notOffered('A local snapshot');
  const volumeId = parseId(VOLUME, input.VolumeId, 'VolumeId');
  const description = input.Description ?? '';
  const { snapshot: tags } = parseTagSpecifications(input.TagSpecifications, ['snapshot']);
  const row = await changeFor(app, context, async (change) => {
    const made = await takeSnapshot(app, context, change, { volumeId, description });
    await setTags(change.tx, context.accountId, made.id, tags);
    return made;
  });
  // Unlike Describe, the answer to a creation has an empty list.
  return { ...renderSnapshot(app, { row, tags }), Tags: renderTags(tags) };
};
