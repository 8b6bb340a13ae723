// Owns what instances can be filtered by, and which filters name them outright.

import type { InstanceId, ReservationId } from '@ironbark/core/ids.ts';
import { INSTANCE_STATE_CODES } from '@ironbark/core/states.ts';
import type { MetadataIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { Filter, FilterTable } from '../app/filters.ts';
import { entityArn } from '../app/iam/names.ts';
import { viewAttachmentState } from '../app/volume-view.ts';
import { zoneIdOf } from '../app/zone-ids.ts';
import { listReservationsMembers } from '../store/instances.ts';
import type { Queries } from '../store/store.ts';
import { listTaggedWith } from '../store/tags.ts';
import { networkFilters } from './instance-network-filters.ts';
import type { InstanceRecord } from './instance-records.ts';
import { renderMetadataOptions, renderMonitoring } from './render-instance.ts';

function optionsOf({ row }: InstanceRecord): MetadataIntent['options'] {
  return JSON.parse(row.metadataOptions) as MetadataIntent['options'];
}

const HTTP = {
  'metadata-options.state': (record: InstanceRecord) => renderMetadataOptions(record).State,
  'metadata-options.http-tokens': (record: InstanceRecord) => optionsOf(record).tokens,
  'metadata-options.http-endpoint': (record: InstanceRecord) => optionsOf(record).endpoint,
  'metadata-options.http-put-response-hop-limit': (record: InstanceRecord) =>
    optionsOf(record).hopLimit,
  'metadata-options.http-protocol-ipv6': () => 'disabled',
  'metadata-options.instance-metadata-tags': (record: InstanceRecord) =>
    optionsOf(record).instanceTags,
};

const DISKS: FilterTable<InstanceRecord>['names'] = {
  'block-device-mapping.attach-time': ({ attachments }) =>
    attachments.map((a) => new Date(a.createdAt).toISOString()),
  'block-device-mapping.delete-on-termination': ({ attachments }) =>
    attachments.map((a) => a.deleteOnTermination === 1),
  'block-device-mapping.device-name': ({ attachments }) => attachments.map((a) => a.deviceName),
  'block-device-mapping.status': ({ attachments }) => attachments.map(viewAttachmentState),
  'block-device-mapping.volume-id': ({ attachments }) => attachments.map((a) => a.volumeId),
};

/** What no instance here has, or can have; none matches. */
const NOTHING = [
  'capacity-reservation-id',
  'dns-name',
  'host-id',
  'instance-lifecycle',
  'boot-mode',
  'kernel-id',
  'metadata-options.http-protocol-ipv4',
  'network-performance-options.bandwidth-weighting',
  'operator.principal',
  'outpost-arn',
  'placement-partition-number',
  'platform',
  'product-code',
  'product-code.type',
  'ramdisk-id',
  'spot-instance-request-id',
  'tpm-support',
];

/** Names and meanings: API reference of DescribeInstances. */
export function instanceFilters(region: string): FilterTable<InstanceRecord> {
  return {
    names: {
      ...Object.fromEntries(NOTHING.map((name) => [name, () => undefined])),
      affinity: () => 'default',
      architecture: ({ row }) => row.architecture,
      'availability-zone': ({ row }) => row.zone,
      'availability-zone-id': ({ row }) => zoneIdOf(row.zone),
      'client-token': ({ row }) => row.clientToken ?? undefined,
      'current-instance-boot-mode': () => 'legacy-bios',
      'ebs-optimized': () => false,
      'ena-support': () => false,
      'enclave-options.enabled': () => false,
      'hibernation-options.configured': () => false,
      hypervisor: () => 'xen',
      'iam-instance-profile.arn': ({ profile }) =>
        profile && entityArn('instance-profile', profile),
      'iam-instance-profile.id': ({ profile }) => profile?.id,
      'iam-instance-profile.name': ({ profile }) => profile?.name,
      'image-id': ({ row }) => row.imageId,
      'instance-id': ({ row }) => row.id,
      'instance-state-code': ({ view }) => INSTANCE_STATE_CODES[view.state],
      'instance-state-name': ({ view }) => view.state,
      'instance-type': ({ row }) => row.instanceType,
      'key-name': ({ row }) => row.keyName ?? undefined,
      'launch-index': ({ row }) => row.launchIndex,
      'launch-time': ({ row }) => new Date(row.launchedAt).toISOString(),
      'maintenance-options.auto-recovery': () => 'disabled',
      'monitoring-state': ({ row }) => renderMonitoring(row).State,
      'operator.managed': () => false,
      'owner-id': ({ row }) => row.accountId,
      'placement-group-name': ({ groupName }) => groupName,
      'platform-details': () => 'Linux/UNIX',
      reason: ({ view }) => view.transitionReason,
      'requester-id': () => undefined,
      'reservation-id': ({ row }) => row.reservationId,
      'root-device-name': ({ row }) => row.rootDeviceName,
      'root-device-type': ({ row }) => row.rootDeviceType,
      'state-reason-code': ({ view }) => view.stateReason?.code,
      'state-reason-message': ({ view }) => view.stateReason?.message,
      tenancy: () => 'default',
      'usage-operation': () => 'RunInstances',
      'usage-operation-update-time': ({ row }) => new Date(row.createdAt).toISOString(),
      'virtualization-type': () => 'hvm',
      ...DISKS,
      ...networkFilters(region),
      ...HTTP,
    },
    tags: (record) => record.tags,
  };
}

const WILDCARD = /[*?\\]/;

/**
 * The ids of all instances that can match, by the filter that says it most narrowly with an index behind it;
 * undefined where none does.
 */
export async function findCandidates(
  db: Queries,
  accountId: string,
  filters: readonly Filter[],
): Promise<InstanceId[] | undefined> {
  let fewest: InstanceId[] | undefined;
  for (const { Name = '', Values = [] } of filters) {
    if (Values.length === 0 || Values.some((value) => WILDCARD.test(value))) continue;
    const found = await findNamed(db, accountId, Name, Values);
    if (found !== undefined && found.length < (fewest?.length ?? Infinity)) fewest = found;
  }
  return fewest;
}

async function findNamed(
  db: Queries,
  accountId: string,
  name: string,
  values: readonly string[],
): Promise<InstanceId[] | undefined> {
  if (name === 'instance-id') return [...values] as InstanceId[];
  if (name === 'reservation-id') {
    return listReservationsMembers(db, accountId, values as readonly ReservationId[]);
  }
  if (!name.startsWith('tag:')) return undefined;
  const tag = { resourceType: 'instance', key: name.slice('tag:'.length), values };
  return (await listTaggedWith(db, accountId, tag)) as InstanceId[];
}
