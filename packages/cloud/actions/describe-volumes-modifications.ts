// Owns DescribeVolumesModifications.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { App } from '../app/app.ts';
import type { FilterTable } from '../app/filters.ts';
import { refuse } from '../app/refusals.ts';
import { parseIds, VOLUME } from '../app/resource-ids.ts';
import { shownIops } from '../app/volume-shape.ts';
import { listModifications } from '../store/volume-modifications.ts';
import { listVolumes } from '../store/volumes.ts';
import type { RequestContext } from './action.ts';
import type { Ec2Handler } from './handler.ts';
import {
  isMultiAttach,
  type ModificationItem,
  originalOf,
  renderModification,
  targetOf,
} from './render-modification.ts';
import { selectPage } from './select-page.ts';
import { loadVolumes } from './volume-items.ts';

/** Names and meanings: API reference of DescribeVolumesModifications. */
const FILTERS: FilterTable<ModificationItem> = {
  names: {
    'modification-state': ({ row }) => row.state,
    'original-iops': (item) => shownIops(originalOf(item)),
    'original-size': (item) => originalOf(item).sizeGib,
    'original-volume-type': (item) => originalOf(item).volumeType,
    originalMultiAttachEnabled: (item) => isMultiAttach(originalOf(item)),
    'start-time': ({ row }) => new Date(row.startedAt).toISOString(),
    'target-iops': (item) => shownIops(targetOf(item)),
    'target-size': (item) => targetOf(item).sizeGib,
    'target-volume-type': (item) => targetOf(item).volumeType,
    targetMultiAttachEnabled: (item) => isMultiAttach(targetOf(item)),
    'volume-id': ({ row }) => row.volumeId,
  },
};

export const describeVolumesModifications: Ec2Handler<'DescribeVolumesModifications'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(VOLUME, input.VolumeIds, 'VolumeId');
  const found = await loadModifications(app, context, ids);
  const { items, nextToken } = selectPage(
    found,
    input,
    {
      action: 'DescribeVolumesModifications',
      idsParameter: 'volumeIds',
      table: FILTERS,
      sortKey: ({ row }) => row.volumeId,
      maxResults: 500,
    },
    ids,
  );
  return { VolumesModifications: items.map(renderModification), NextToken: nextToken };
};

async function loadModifications(
  app: App,
  { accountId }: RequestContext,
  ids: readonly VolumeId[],
): Promise<ModificationItem[]> {
  const db = app.store.query;
  const rows = await listModifications(db, accountId);
  const volumes = new Map((await listVolumes(db, accountId)).map((row) => [row.id, row]));
  const all = rows.flatMap((row) => {
    const volume = volumes.get(row.volumeId);
    return volume === undefined ? [] : [{ row, volume }];
  });
  if (ids.length === 0) return all;
  // One that is not there at all is another mistake than one that was never modified.
  await loadVolumes(db, accountId, ids);
  return ids.map((id) => all.find(({ row }) => row.volumeId === id) ?? failNeverModified(id));
}

function failNeverModified(id: string): never {
  const message = `Modification for volume '${id}' does not exist.`;
  throw refuse('not-found', 'volume-modification', message);
}
