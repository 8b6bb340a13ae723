// Owns taking a point in time of an open volume, by whoever can hold it best: Ceph, or a filter of the volume's daemon.

import type { QmpClient } from '@ironbark/platform/qmp.ts';
import type { FreezeOptions, FreezePoint } from '@ironbark/protocol/internal/block-target.ts';
import type { CephPoints } from './ceph-points.ts';
import type { Engine } from './daemon-arguments.ts';
import { collapse, insertFilter } from './daemon-graph.ts';
import type { DaemonHost } from './daemon-host.ts';
import type { PreparedPoint } from './freeze-together.ts';
import { makeOverwritten } from './overwritten-files.ts';

export interface PointHost extends DaemonHost {
  ceph: CephPoints;
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
  const { engine, tracksChanges } = point;
  await insertFilter(qmp, point.snapshotId, { engine, tracksChanges, passphrase });
}
