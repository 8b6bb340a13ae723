// Owns letting several instances have a volume at once, and cutting one of them off while the others go on.

import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import type { InstanceOpening } from '@ironbark/protocol/internal/storage-client.ts';
import type { StorageContext } from '../app/context.ts';
import { ensureLayer } from '../app/layers.ts';
import {
  isSame,
  listLacking,
  listUnwanted,
  type Opening,
  openingsOf,
  renderOpenings,
  wantedOpenings,
} from '../app/openings.ts';
import type { VolumeTable } from '../store/schema.ts';
import { findVolume, updateVolume, type VolumeRow } from '../store/volumes.ts';

type Changes = Partial<VolumeTable>;

/** Every instance that is to have an opening and has none that it can use. */
export async function openWanted(context: StorageContext, row: VolumeRow): Promise<void> {
  const { openings: served = [] } = await context.target.inspect(row.id);
  for (const wanted of listLacking(wantedOpenings(row), openingsOf(row), served)) {
    await openOne(context, row, wanted);
  }
}

/** Who is let in is written down first, so that nobody is in of whom the record does not know. */
async function openOne(
  context: StorageContext,
  { id }: VolumeRow,
  wanted: InstanceOpening,
): Promise<void> {
  const opening = await ensureRecorded(context, await reread(context, id), wanted);
  const row = await reread(context, id);
  await ensureLayer(context, row);
  const how = { opening: opening.number, isShared: true, ...limitsOf(row) };
  const exported = await context.target.export(id, { ...how, ...(await context.keys.sealOf(row)) });
  const others = openingsOf(row).filter((each) => !isSame(each, wanted));
  const opened_to = renderOpenings([...others, { ...opening, export: exported.export }]);
  await record(context, row, { opened_to, engine: exported.engine, reason: null, away: 0 });
}

async function ensureRecorded(
  context: StorageContext,
  row: VolumeRow,
  wanted: InstanceOpening,
): Promise<Opening> {
  const openings = openingsOf(row);
  const known = openings.find((each) => isSame(each, wanted));
  if (known !== undefined) return known;
  const { instanceId, nodeId } = wanted;
  const opening: Opening = { instanceId, nodeId, number: row.export_epoch + 1 };
  await record(context, row, {
    opened_to: renderOpenings([...openings, opening]),
    export_epoch: opening.number,
  });
  return opening;
}

/** Those that nobody is to have any more; all of them when the volume is to be open to nobody. */
export async function closeUnwanted(
  context: StorageContext,
  row: VolumeRow,
  wanted: readonly InstanceOpening[],
): Promise<void> {
  const openings = openingsOf(row);
  const unwanted = listUnwanted(wanted, openings);
  const left = openings.filter((each) => !unwanted.includes(each));
  const { frozen } = await context.target.inspect(row.id);
  // What waits for the snapshot is let go when nobody else waits with it, as at the end of any export.
  const source = left.length === 0 && frozen.length === 0 ? row.source_name : null;
  await context.sources.whileClosed(source, async () => {
    for (const { number } of unwanted) await context.target.close(row.id, number);
  });
  await record(context, row, { opened_to: renderOpenings(left), away: 0 });
}

function limitsOf({ limits }: VolumeRow): { limits?: VolumeLimits } {
  return limits === null ? {} : { limits: JSON.parse(limits) as VolumeLimits };
}

/** Only this reconciler changes what is read here, under the volume's lock. */
async function reread(context: StorageContext, id: VolumeRow['id']): Promise<VolumeRow> {
  const row = await findVolume(context.database.query, id);
  if (row === undefined) throw new Error(`${id} was forgotten while it was open`);
  return row;
}

async function record(context: StorageContext, { id }: VolumeRow, changes: Changes): Promise<void> {
  await context.database.transaction((tx) => updateVolume(tx, id, changes));
  context.changed();
}
