// Owns an instance as the Describe actions see it: its row with everything that hangs on it.

import type { InstanceId, ReservationId } from '@ironbark/core/ids.ts';
import { INSTANCE_STATE_CODES } from '@ironbark/core/states.ts';
import { privateDnsName } from '../app/addresses.ts';
import type { FilterTable } from '../app/filters.ts';
import { type InstanceView, viewInstance } from '../app/instance-view.ts';
import { INSTANCE, matchIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listAttachments } from '../store/attachments.ts';
import { listInstances } from '../store/instances.ts';
import {
  type InterfaceGroup,
  listInterfaceGroups,
  listInterfaces,
} from '../store/network-interfaces.ts';
import type { AttachmentRow, InstanceRow, InterfaceRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { listTags } from '../store/tags.ts';

export interface InstanceRecord {
  row: InstanceRow;
  view: InstanceView;
  interfaces: { row: InterfaceRow; groups: InterfaceGroup[] }[];
  attachments: AttachmentRow[];
  tags: Tag[];
}

export async function loadInstanceRecords(
  db: Queries,
  accountId: string,
): Promise<InstanceRecord[]> {
  const rows = await listInstances(db, accountId);
  const groups = Map.groupBy(await listInterfaceGroups(db, accountId), (g) => g.interfaceId);
  const interfaces = Map.groupBy(await listInterfaces(db, accountId), (i) => i.instanceId);
  const attachments = Map.groupBy(await listAttachments(db, accountId), (a) => a.instanceId);
  const tags = new TagIndex(await listTags(db, accountId));
  return rows.map((row) => ({
    row,
    view: viewInstance(row),
    interfaces: (interfaces.get(row.id) ?? []).map((one) => ({
      row: one,
      groups: groups.get(one.id) ?? [],
    })),
    attachments: attachments.get(row.id) ?? [],
    tags: tags.of(row.id),
  }));
}

/** The records of these instances, in their order. Throws for those that do not exist. */
export async function getInstanceRecords(
  db: Queries,
  accountId: string,
  ids: readonly InstanceId[],
): Promise<InstanceRecord[]> {
  const records = await loadInstanceRecords(db, accountId);
  return matchIds(
    INSTANCE,
    ids,
    records.map((record) => ({ id: record.row.id, record })),
  ).map(({ record }) => record);
}

export async function listReservation(
  db: Queries,
  accountId: string,
  id: ReservationId,
): Promise<InstanceRecord[]> {
  const records = await loadInstanceRecords(db, accountId);
  return records
    .filter((record) => record.row.reservationId === id)
    .sort((left, right) => left.row.launchIndex - right.row.launchIndex);
}

/** Names and meanings: API reference of DescribeInstances. */
export function instanceFilters(region: string): FilterTable<InstanceRecord> {
  const groups = (record: InstanceRecord) => record.interfaces.flatMap((one) => one.groups);
  const interfaces = (record: InstanceRecord) => record.interfaces.map((one) => one.row);
  return {
    names: {
      'instance-id': ({ row }) => row.id,
      'image-id': ({ row }) => row.imageId,
      'instance-type': ({ row }) => row.instanceType,
      'instance-state-name': ({ view }) => view.state,
      'instance-state-code': ({ view }) => INSTANCE_STATE_CODES[view.state],
      'availability-zone': ({ row }) => row.zone,
      architecture: ({ row }) => row.architecture,
      'client-token': ({ row }) => row.clientToken ?? undefined,
      'key-name': ({ row }) => row.keyName ?? undefined,
      'launch-index': ({ row }) => row.launchIndex,
      'launch-time': ({ row }) => new Date(row.launchedAt).toISOString(),
      'owner-id': ({ row }) => row.accountId,
      'reservation-id': ({ row }) => row.reservationId,
      'root-device-name': ({ row }) => row.rootDeviceName,
      'root-device-type': ({ row }) => row.rootDeviceType,
      'state-reason-code': ({ view }) => view.stateReason?.code,
      'subnet-id': ({ row, interfaces: [first] }) =>
        first === undefined ? undefined : row.subnetId,
      'vpc-id': ({ row, interfaces: [first] }) => (first === undefined ? undefined : row.vpcId),
      tenancy: () => 'default',
      'virtualization-type': () => 'hvm',
      'monitoring-state': () => 'disabled',
      'private-ip-address': (record) => interfaces(record).map((one) => one.privateIp),
      'private-dns-name': (record) =>
        interfaces(record).map((one) => privateDnsName(one.privateIp, region)),
      'network-interface.network-interface-id': (record) => interfaces(record).map((i) => i.id),
      'network-interface.subnet-id': (record) => interfaces(record).map((i) => i.subnetId),
      'network-interface.vpc-id': (record) => interfaces(record).map((i) => i.vpcId),
      'network-interface.mac-address': (record) => interfaces(record).map((i) => i.macAddress),
      'network-interface.addresses.private-ip-address': (record) =>
        interfaces(record).map((i) => i.privateIp),
      'instance.group-id': (record) => groups(record).map((group) => group.groupId),
      'instance.group-name': (record) => groups(record).map((group) => group.name),
      'group-id': (record) => groups(record).map((group) => group.groupId),
      'group-name': (record) => groups(record).map((group) => group.name),
      'network-interface.group-id': (record) => groups(record).map((group) => group.groupId),
      'block-device-mapping.device-name': ({ attachments }) => attachments.map((a) => a.deviceName),
      'block-device-mapping.volume-id': ({ attachments }) => attachments.map((a) => a.volumeId),
      'block-device-mapping.delete-on-termination': ({ attachments }) =>
        attachments.map((a) => a.deleteOnTermination === 1),
      'metadata-options.http-tokens': ({ row }) =>
        (JSON.parse(row.metadataOptions) as { tokens: string }).tokens,
    },
    tags: (record) => record.tags,
  };
}
