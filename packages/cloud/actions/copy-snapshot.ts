// Owns CopySnapshot, within the one region that there is.

import { changeFor } from '../app/change.ts';
import { invalidValue, refuseParameters } from '../app/refusals.ts';
import { parseId, SNAPSHOT } from '../app/resource-ids.ts';
import { copySnapshot as copy } from '../app/snapshots.ts';
import { parseTagSpecifications, setTags } from '../app/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTags } from './render-instance.ts';

const NOT_OFFERED = [
  'DestinationOutpostArn',
  'DestinationAvailabilityZone',
  'CompletionDurationMinutes',
];

/** A presigned URL proves to another region who asks; here the request itself has. */
export const copySnapshot: Ec2Handler<'CopySnapshot'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  const { SourceRegion, DestinationRegion = app.region } = input;
  for (const [name, region] of Object.entries({ SourceRegion, DestinationRegion })) {
    if (region === app.region) continue;
    throw invalidValue(name, region.slice(0, 64), `This cloud has one region, ${app.region}.`);
  }
  const wanted = {
    source: parseId(SNAPSHOT, input.SourceSnapshotId, 'SourceSnapshotId'),
    description: input.Description ?? '',
    encrypted: input.Encrypted,
    kmsKeyId: input.KmsKeyId,
  };
  const { snapshot: tags } = parseTagSpecifications(input.TagSpecifications, ['snapshot']);
  const { id } = await changeFor(app, context, async (change) => {
    const made = await copy(app, context, change, wanted);
    await setTags(change.tx, context.accountId, made.id, tags);
    return made;
  });
  return { SnapshotId: id, Tags: renderTags(tags) };
};
