// Owns CreateVolume.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { changeFor } from '../app/change.ts';
import { makeOnce } from '../app/client-tokens.ts';
import { missingParameter, refuse, refuseParameters } from '../app/refusals.ts';
import { parseId, SNAPSHOT } from '../app/resource-ids.ts';
import { parseTagSpecifications, setTags, TagIndex } from '../app/tags.ts';
import { chooseBackend } from '../app/volume-backends.ts';
import { parseRates } from '../app/volume-shape.ts';
import { getVolume, makeVolume } from '../app/volumes.ts';
import { listTagsOf } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderVolume } from './render-volume.ts';

const NOT_OFFERED = ['OutpostArn', 'VolumeInitializationRate', 'AvailabilityZoneId', 'Operator'];

export const createVolume: Ec2Handler<'CreateVolume'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  const zone = input.AvailabilityZone;
  if (zone === undefined) throw missingParameter('AvailabilityZone');
  if (zone !== app.zone) {
    const message = `The zone '${zone}' does not exist. This cloud has ${app.zone}.`;
    throw refuse('not-found', 'availability-zone', message);
  }
  const { SnapshotId } = input;
  const { volume: tags } = parseTagSpecifications(input.TagSpecifications, ['volume']);
  const storage = await app.storage.getReport();
  const wish = {
    zone,
    sizeGib: input.Size,
    snapshotId: SnapshotId === undefined ? undefined : parseId(SNAPSHOT, SnapshotId, 'SnapshotId'),
    ...parseRates(input),
    encrypted: input.Encrypted,
    kmsKeyId: input.KmsKeyId,
    backend: chooseBackend(tags, storage),
    storage,
  };
  const call = { action: 'CreateVolume', token: input.ClientToken, parameters: input };
  return changeFor(app, context, async (change) => {
    const [id] = await makeOnce<VolumeId>(change, context, call, async () => {
      const made = await makeVolume(app, context, change, wish);
      await setTags(change.tx, context.accountId, made, tags);
      return [made];
    });
    const row = await getVolume(change.tx, context, id!);
    const kept = new TagIndex(await listTagsOf(change.tx, row.id));
    return renderVolume(app, { row, attachments: [], tags: kept.of(row.id) });
  });
};
