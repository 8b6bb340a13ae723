// Owns what there really is in a simulated cloud: guests, ports, folders, files, exports and objects, and every row.

import type { InstanceId, InterfaceId, NodeId } from '@ironbark/core/ids.ts';
import type { Row } from './memory-databases.ts';
import type { World } from './world.ts';

export interface FoundGuest {
  id: InstanceId;
  nodeId: NodeId;
  power: 'running' | 'off';
  volumes: string[];
  /** As the guest sees them, by volume. */
  sizes: Record<string, number | undefined>;
  boots: number;
}

export interface Found {
  guests: FoundGuest[];
  ports: { id: InterfaceId; nodeId: NodeId }[];
  /** Folders of instances on nodes. */
  folders: { id: string; nodeId: NodeId }[];
  volumeFiles: string[];
  /** Points in time that the storage holds. */
  frozenFiles: string[];
  /** Keys of snapshots' objects. */
  objects: string[];
  rows: Record<'instance' | 'attachment' | 'volume' | 'snapshot' | 'networkInterface', Row[]>;
  /** The Cluster Controller's. */
  placed: Row[];
  /** The Storage Controller's. */
  stored: Record<'volume' | 'snapshot', Row[]>;
  /** Blocks that the Storage Controller knows of. */
  blocks: Row[];
}

const SNAPSHOT_BUCKET = 'ironbark-snapshots';

export async function lookAround(world: World): Promise<Found> {
  const { nodeIds } = world;
  return {
    guests: nodeIds.flatMap((nodeId) => listGuests(world, nodeId)),
    ports: await listPorts(world),
    folders: nodeIds.flatMap((nodeId) =>
      world.files.list(`/simulated/${nodeId}/instances`).map((id) => ({ id, nodeId })),
    ),
    volumeFiles: world.files.list('/simulated/storage/volumes'),
    frozenFiles: world.files.list('/simulated/storage/overwritten'),
    objects: [...(world.objects.buckets.get(SNAPSHOT_BUCKET)?.keys() ?? [])],
    rows: {
      instance: cloudRows(world, 'instance'),
      attachment: cloudRows(world, 'attachment'),
      volume: cloudRows(world, 'volume'),
      snapshot: cloudRows(world, 'snapshot'),
      networkInterface: cloudRows(world, 'network_interface'),
    },
    placed: unforgotten(world, 'cluster', 'placed_instance'),
    blocks: world.databases.rows('/simulated/storage/storage.db', 'select * from block'),
    stored: {
      volume: unforgotten(world, 'storage', 'volume'),
      snapshot: unforgotten(world, 'storage', 'snapshot'),
    },
  };
}

export function cloudRows(world: World, table: string): Row[] {
  return world.databases.rows('/simulated/cloud/cloud.db', `select * from ${table}`);
}

function unforgotten(world: World, service: string, table: string): Row[] {
  const path = `/simulated/${service}/${service}.db`;
  return world.databases.rows(path, `select * from ${table} where forgotten_at is null`);
}

function listGuests(world: World, nodeId: NodeId): FoundGuest[] {
  const folder = `/simulated/${nodeId}/simulated-guests`;
  return world.files.list(folder).flatMap((name) => {
    const bytes = world.files.peek(`${folder}/${name}`);
    // A half-written file is no guest: the driver takes what was renamed to its place.
    if (bytes === undefined || !name.endsWith('.json')) return [];
    const guest = JSON.parse(bytes.toString()) as GuestFile;
    const volumes = guest.disks.map(({ serial }) => serial).filter((serial) => serial !== 'root');
    const sizes = Object.fromEntries(guest.disks.map((disk) => [disk.serial, disk.sizeBytes]));
    return [{ id: guest.id, nodeId, power: guest.power, boots: guest.boots, volumes, sizes }];
  });
}

interface GuestFile {
  id: InstanceId;
  power: 'running' | 'off';
  boots: number;
  disks: { serial: string; sizeBytes?: number }[];
}

async function listPorts(world: World): Promise<Found['ports']> {
  const ports: Found['ports'] = [];
  for (const [nodeId, network] of world.networks) {
    for (const id of await network.listPorts()) ports.push({ id, nodeId });
  }
  return ports;
}
