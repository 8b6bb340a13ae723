// Owns the search for what nobody wants: everything on a host, in the storage or in the object store without a live
// row, and everything that is there twice.

import type { Found } from './found.ts';
import type { Row } from './memory-databases.ts';

/** One sentence for each; none when all that there is belongs to something. */
export function findOrphans(found: Found): string[] {
  const { rows, stored } = found;
  const live = new Map(rows.instance.filter(isLive).map((row) => [row['id'], row]));
  const interfaces = new Set(rows.networkInterface.map((row) => row['id']));
  const volumes = new Set(rows.volume.map((row) => row['id']));
  const snapshots = new Set(rows.snapshot.map((row) => row['id']));
  const blocks = new Set(found.blocks.map((row) => row['sha256']));
  const attached = new Set(
    rows.attachment.map((row) => `${row['volume_id']} ${row['instance_id']}`),
  );
  const isPlaced = (id: string, nodeId: string) => live.get(id)?.['node_id'] === nodeId;
  return [
    ...found.guests
      .filter(({ id, nodeId }) => !isPlaced(id, nodeId))
      .map(({ id, nodeId }) => `guest ${id} on ${nodeId}`),
    ...found.folders
      .filter(({ id, nodeId }) => !isPlaced(id, nodeId))
      .map(({ id, nodeId }) => `folder of ${id} on ${nodeId}`),
    ...found.ports
      .filter(({ id }) => !interfaces.has(id))
      .map(({ id, nodeId }) => `port ${id} on ${nodeId}`),
    ...found.guests.flatMap(({ id, volumes: plugged }) =>
      plugged
        .filter((volume) => !attached.has(`${volume} ${id}`))
        .map((volume) => `${volume} plugged into ${id}`),
    ),
    ...found.volumeFiles
      .filter((name) => !volumes.has(name.replace(/\.raw(\.new)?$/, '')))
      .map((name) => `volume file ${name}`),
    ...stored.volume
      .filter((row) => !volumes.has(row['id']!))
      .map((row) => `volume ${row['id']} in the storage`),
    ...stored.snapshot
      .filter((row) => !snapshots.has(row['id']!))
      .map((row) => `snapshot ${row['id']} in the storage`),
    ...found.objects
      .filter((key) => !key.startsWith('blocks/'))
      .filter((key) => !snapshots.has(/snap-[0-9a-f]+/.exec(key)?.[0] ?? ''))
      .map((key) => `object ${key}`),
    ...found.objects
      .filter((key) => key.startsWith('blocks/') && !blocks.has(key.split('/').at(-1)!))
      .map((key) => `object ${key}`),
    ...found.frozenFiles.map((name) => `point in time ${name}`),
  ];
}

/** An instance on two nodes, or in two guests a volume that is for one. */
export function findDoubles(found: Found): string[] {
  const instances = found.guests.map(({ id }) => id);
  const volumes = found.guests.flatMap((guest) => (guest.power === 'running' ? guest.volumes : []));
  const shared = new Set(
    found.rows.volume
      .filter((row) => row['multi_attach_enabled'] === 1)
      .map((row) => String(row['id'])),
  );
  return [
    ...repeated(instances).map((id) => `${id} is on two nodes`),
    ...repeated(volumes.filter((id) => !shared.has(id))).map((id) => `${id} is open in two guests`),
  ];
}

function isLive(row: Row): boolean {
  return row['terminated_at'] === null;
}

function repeated(items: readonly string[]): string[] {
  const seen = new Set<string>();
  return items.filter((item) => seen.size === seen.add(item).size);
}
