// Owns taking a point in time of an open volume, by whoever can hold it best: Ceph, or a filter of the volume's daemon.

import type { QmpClient } from '@ironbark/platform/qmp.ts';
import type { FreezeOptions, FreezePoint } from '@ironbark/protocol/internal/block-target.ts';
import { BlankParts } from './blank-parts.ts';
import { CephPoints } from './ceph-points.ts';
import type { Engine } from './daemon-arguments.ts';
import { beginBitmap } from './daemon-bitmaps.ts';
import { isLayered } from './daemon-fill.ts';
import { collapse, insertFilter } from './daemon-graph.ts';
import type { DaemonHost } from './daemon-host.ts';
import type { PreparedPoint } from './freeze-together.ts';
import { makeOverwritten } from './overwritten-files.ts';

export interface PointHost extends DaemonHost {
  ceph: CephPoints;
  blank: BlankParts;
}

/** For the life of a target. */
export function pointParts(
  options: ConstructorParameters<typeof CephPoints>[0] & { dataDir: string },
): Pick<PointHost, 'ceph' | 'blank'> {
  return { ceph: new CephPoints(options), blank: new BlankParts(options.dataDir) };
}

export async function preparePoint(
  host: PointHost,
  qmp: QmpClient,
  point: FreezePoint & { isTogether: boolean },
): Promise<PreparedPoint> {
  await collapse(qmp, host.dataDir);
  const place = await host.ceph.findPlace(point.id);
  if (place === undefined) return { qmp, passphrase: await makeOverwritten(host, point) };
  if (point.isTogether) await host.ceph.dropLeftOver(place, point);
  return { qmp, passphrase: undefined, ceph: { place, mustBeNew: point.isTogether } };
}

/** The moment that the point is of lies in here. */
export async function insertPoint(
  host: PointHost,
  { qmp, passphrase, ceph }: PreparedPoint,
  point: FreezePoint & FreezeOptions & { engine: Engine },
): Promise<void> {
  if (ceph !== undefined) {
    const { place, mustBeNew } = ceph;
    return host.ceph.take(qmp, place, { ...point, mustBeNew });
  }
  const { engine, tracksChanges, snapshotId } = point;
  if (tracksChanges) {
    await beginBitmap(qmp, snapshotId);
    await lookForBlankParts(host, qmp, point);
  }
  await insertFilter(qmp, snapshotId, { engine, tracksChanges, passphrase });
}

/** What is not there of a volume that is laid over its snapshot is not zeros, nor is what is encrypted. */
async function lookForBlankParts(
  { blank, findPlace }: PointHost,
  qmp: QmpClient,
  { id, snapshotId, sizeBytes, seal }: FreezePoint,
): Promise<void> {
  const isPlain = seal === undefined && (await findPlace(id)).kind === 'file';
  if (isPlain && !(await isLayered(qmp))) await blank.look(id, snapshotId, sizeBytes);
}
