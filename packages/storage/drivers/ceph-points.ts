// Owns points in time of an open volume in Ceph: Ceph takes and keeps them, and the volume's daemon opens them beside the
// volume, to be read. They outlive the daemon.
//
//   export snap-y -> v2 (rbd, snapshot snap-y)           of an encrypted volume: v2 (luks) -> c2 (rbd, snapshot snap-y)

import { ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import type {
  ByteRange,
  FreezeOptions,
  FreezePoint,
  FrozenReader,
} from '@ironbark/protocol/internal/block-target.ts';
import { isReadable, listFrozenPoints, nodeName } from './daemon-graph.ts';
import { addLuks } from './daemon-seal.ts';
import { LUKS_HEADER_BYTES } from './luks-header.ts';
import { RbdCommand } from './rbd-command.ts';
import { comparePoints, dropPoint, listPoints, pointName, takePoint } from './rbd-points.ts';
import { type FindPlace, type RbdPlace, rbdNode } from './volume-place.ts';
import { luksKeysOfSeal } from './volume-seal.ts';

export interface CephPointOptions {
  commands: Commands;
  findPlace: FindPlace;
}

export interface OpenedPoint {
  id: VolumeId;
  snapshotId: SnapshotId;
  connect(): Promise<QmpClient>;
}

/** Each is asked for in pieces; a few snapshots are uploaded at a time. */
const COMPARISONS_KEPT = 8;

export class CephPoints {
  readonly #options: CephPointOptions;
  readonly #comparisons = new Map<string, Promise<ByteRange[]>>();

  constructor(options: CephPointOptions) {
    this.#options = options;
  }

  /** Undefined for a volume that is not in Ceph. */
  async findPlace(id: VolumeId): Promise<RbdPlace | undefined> {
    const place = await this.#options.findPlace(id);
    return place.kind === 'rbd' ? place : undefined;
  }

  /** What a set that was cut short has left is of another moment. */
  async dropLeftOver(place: RbdPlace, { id, snapshotId }: FreezePoint): Promise<void> {
    await dropPoint(this.#rbd(place), id, pointName(snapshotId, { isHeld: false }));
  }

  async take(
    qmp: QmpClient,
    place: RbdPlace,
    point: FreezePoint & FreezeOptions & { mustBeNew: boolean },
  ): Promise<void> {
    const { id, snapshotId, tracksChanges, isTaken = false, mustBeNew } = point;
    const rbd = this.#rbd(place);
    const name = pointName(snapshotId, { isHeld: !tracksChanges });
    if (!isTaken) await takePoint(rbd, id, { name, mustBeNew });
    else if (!(await listPoints(rbd, id)).includes(snapshotId)) throw lost();
    await openPoint(qmp, place, { ...point, name });
  }

  /** Adds to a reader what Ceph knows of changes. */
  async explain(reader: FrozenReader, point: OpenedPoint): Promise<FrozenReader> {
    const place = await this.findPlace(point.id);
    if (place === undefined) return reader;
    const rbd = this.#rbd(place);
    return {
      ...reader,
      bases: async () => {
        const all = await listPoints(rbd, point.id);
        return all.slice(0, Math.max(0, all.indexOf(point.snapshotId))).reverse();
      },
      changes: async (base, offset, length) => {
        const all = await this.#compare(rbd, point, base);
        const points = await listFrozenPoints(await point.connect());
        const isSealed = points.some((each) => isSealedPoint(each, point.snapshotId));
        return cutChanges(all, { offset, length, headerBytes: isSealed ? LUKS_HEADER_BYTES : 0 });
      },
    };
  }

  /** One that was held for a backup ends with its hold; others are kept until they are dropped. */
  async endHold(id: VolumeId, snapshotId: SnapshotId): Promise<void> {
    for (const key of this.#comparisons.keys()) {
      if (key.endsWith(snapshotId)) this.#comparisons.delete(key);
    }
    const place = await this.findPlace(id);
    if (place === undefined) return;
    await dropPoint(this.#rbd(place), id, pointName(snapshotId, { isHeld: true }));
  }

  #rbd({ ceph }: RbdPlace): RbdCommand {
    return new RbdCommand(ceph, this.#options.commands);
  }

  /** It is asked again for every piece, also by a caller who has lost patience with the answer before. */
  #compare(rbd: RbdCommand, { id, snapshotId }: OpenedPoint, from: SnapshotId) {
    const key = `${id} ${from} ${snapshotId}`;
    const found = this.#comparisons.get(key) ?? comparePoints(rbd, { id, from, to: snapshotId });
    this.#comparisons.set(key, found);
    found.catch(() => this.#comparisons.delete(key));
    const [oldest] = this.#comparisons.keys();
    if (this.#comparisons.size > COMPARISONS_KEPT) this.#comparisons.delete(oldest!);
    return found;
  }
}

async function openPoint(
  qmp: QmpClient,
  place: RbdPlace,
  { id, snapshotId, name, seal }: FreezePoint & { name: string },
): Promise<void> {
  const points = await listFrozenPoints(qmp);
  if (points.some((each) => each.snapshotId === snapshotId && isReadable(each))) return;
  const point = { sequence: (points.at(-1)?.sequence ?? 0) + 1, snapshotId };
  const image = { ...rbdNode(id, place), snapshot: name, 'read-only': true };
  const view = nodeName('v', point);
  if (seal === undefined) {
    await qmp.execute('blockdev-add', { ...image, 'node-name': view });
    return;
  }
  const file = nodeName('c', point);
  await qmp.execute('blockdev-add', { ...image, 'node-name': file });
  const { passphrase } = luksKeysOfSeal(seal);
  await addLuks(qmp, { name: view, file, passphrase, isReadOnly: true });
}

function isSealedPoint(
  point: { snapshotId: SnapshotId; kinds: Set<string> },
  snapshotId: SnapshotId,
): boolean {
  return point.snapshotId === snapshotId && point.kinds.has('c') && !point.kinds.has('b');
}

/** Those of a range of the volume, which begins after its header. */
export function cutChanges(
  all: readonly ByteRange[],
  range: ByteRange & { headerBytes: number },
): ByteRange[] {
  const end = range.offset + range.length;
  return all.flatMap((change) => {
    const from = Math.max(range.offset, change.offset - range.headerBytes);
    const to = Math.min(end, change.offset - range.headerBytes + change.length);
    return from < to ? [{ offset: from, length: to - from }] : [];
  });
}

function lost(): ServiceError {
  return new ServiceError({
    kind: 'not-found',
    resource: 'snapshot',
    message:
      'The point in time was lost: its snapshot is gone from the Ceph pool. Take the snapshot again.',
  });
}
