// Owns DescribeInstanceTypes.

import type { InstanceTypeInfo } from '@aws-sdk/client-ec2';
import { MAX_VOLUMES } from '../app/attachments.ts';
import type { FilterTable } from '../app/filters.ts';
import { INSTANCE_TYPES, type InstanceType } from '../app/instance-types.ts';
import { MAX_IPV6_ADDRESSES } from '../app/ipv6-addresses.ts';
import { MAX_PRIVATE_ADDRESSES } from '../app/network-interfaces.ts';
import { refuse } from '../app/refusals.ts';
import type { Ec2Handler } from './handler.ts';
import { selectPage } from './select-page.ts';

/** What no type here has; none matches. */
const NOTHING = [
  'ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps',
  'ebs-info.ebs-optimized-info.baseline-iops',
  'ebs-info.ebs-optimized-info.baseline-throughput-in-mbps',
  'ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps',
  'ebs-info.ebs-optimized-info.maximum-iops',
  'ebs-info.ebs-optimized-info.maximum-throughput-in-mbps',
  'hypervisor',
  'instance-storage-info.disk.count',
  'instance-storage-info.disk.size-in-gb',
  'instance-storage-info.disk.type',
  'instance-storage-info.encryption-support',
  'instance-storage-info.nvme-support',
  'instance-storage-info.total-size-in-gb',
  'network-info.bandwidth-weightings',
  'network-info.efa-info.maximum-efa-interfaces',
  'network-info.network-performance',
  'nitro-tpm-info.supported-versions',
  'processor-info.sustained-clock-speed-in-ghz',
  'processor-info.supported-features',
];

/** Volumes and network cards share a guest's slots. */
const EBS_INFO = {
  EbsOptimizedSupport: 'unsupported',
  EncryptionSupport: 'supported',
  MaximumEbsAttachments: MAX_VOLUMES,
  AttachmentLimitType: 'shared',
} as const;

/** Names and meanings: API reference of DescribeInstanceTypes. */
const FILTERS: FilterTable<InstanceType> = {
  names: {
    ...Object.fromEntries(NOTHING.map((name) => [name, () => undefined])),
    'auto-recovery-supported': () => false,
    'bare-metal': () => false,
    'burstable-performance-supported': (type) => type.burstable,
    'current-generation': (type) => type.currentGeneration,
    'dedicated-hosts-supported': () => false,
    'ebs-info.attachment-limit-type': () => EBS_INFO.AttachmentLimitType,
    'ebs-info.maximum-ebs-attachments': () => EBS_INFO.MaximumEbsAttachments,
    'ebs-info.ebs-optimized-support': () => 'unsupported',
    'ebs-info.encryption-support': () => 'supported',
    'ebs-info.nvme-support': () => 'unsupported',
    'free-tier-eligible': () => false,
    'hibernation-supported': () => false,
    'instance-storage-supported': () => false,
    'instance-type': (type) => type.name,
    'memory-info.size-in-mib': (type) => type.memoryMib,
    'network-info.efa-supported': () => false,
    'network-info.ena-support': () => 'unsupported',
    'network-info.encryption-in-transit-supported': () => false,
    'network-info.flexible-ena-queues-support': () => 'unsupported',
    'network-info.ipv4-addresses-per-interface': () => MAX_PRIVATE_ADDRESSES,
    'network-info.ipv6-addresses-per-interface': () => MAX_IPV6_ADDRESSES,
    'network-info.ipv6-supported': () => true,
    'network-info.maximum-network-cards': () => 1,
    'network-info.maximum-network-interfaces': (type) => type.maxInterfaces,
    'nitro-enclaves-support': () => 'unsupported',
    'nitro-tpm-support': () => 'unsupported',
    'reboot-migration-support': () => 'unsupported',
    'processor-info.supported-architecture': () => 'x86_64',
    'supported-boot-mode': () => 'legacy-bios',
    'supported-root-device-type': () => ['ebs', 'instance-store'],
    'supported-usage-class': () => 'on-demand',
    'supported-virtualization-type': () => 'hvm',
    'vcpu-info.default-cores': (type) => type.vcpus,
    'vcpu-info.default-threads-per-core': () => 1,
    'vcpu-info.default-vcpus': (type) => type.vcpus,
    'vcpu-info.valid-cores': (type) => type.vcpus,
    'vcpu-info.valid-threads-per-core': () => 1,
  },
};

export const describeInstanceTypes: Ec2Handler<'DescribeInstanceTypes'> = async (
  _app,
  _context,
  input,
) => {
  const names: readonly string[] = input.InstanceTypes ?? [];
  const unknown = names.filter((name) => !INSTANCE_TYPES.some((type) => type.name === name));
  if (unknown.length > 0) {
    throw refuse(
      'not-found',
      'instance-type',
      `The following supplied instance types do not exist: [${unknown.join(', ')}]`,
    );
  }
  const shown = INSTANCE_TYPES.filter((type) => names.length === 0 || names.includes(type.name));
  const { items, nextToken } = selectPage(
    shown,
    input,
    {
      action: 'DescribeInstanceTypes',
      idsParameter: 'InstanceTypes',
      maxResults: 100,
      table: FILTERS,
      sortKey: (type) => type.name,
    },
    names,
  );
  return { InstanceTypes: items.map(render), NextToken: nextToken };
};

/** What the type means on this cloud: a guest sees single-threaded cores, no instance storage. */
function render(type: InstanceType): InstanceTypeInfo {
  return {
    InstanceType: type.name as NonNullable<InstanceTypeInfo['InstanceType']>,
    CurrentGeneration: type.currentGeneration,
    FreeTierEligible: false,
    SupportedUsageClasses: ['on-demand'],
    SupportedRootDeviceTypes: ['ebs', 'instance-store'],
    SupportedVirtualizationTypes: ['hvm'],
    BareMetal: false,
    SupportedBootModes: ['legacy-bios'],
    PlacementGroupInfo: { SupportedStrategies: ['cluster', 'spread'] },
    ProcessorInfo: { SupportedArchitectures: ['x86_64'] },
    VCpuInfo: {
      DefaultVCpus: type.vcpus,
      DefaultCores: type.vcpus,
      DefaultThreadsPerCore: 1,
      ValidCores: [type.vcpus],
      ValidThreadsPerCore: [1],
    },
    MemoryInfo: { SizeInMiB: type.memoryMib },
    InstanceStorageSupported: false,
    EbsInfo: EBS_INFO,
    NetworkInfo: {
      MaximumNetworkInterfaces: type.maxInterfaces,
      MaximumNetworkCards: 1,
      DefaultNetworkCardIndex: 0,
      Ipv4AddressesPerInterface: MAX_PRIVATE_ADDRESSES,
      Ipv6AddressesPerInterface: MAX_IPV6_ADDRESSES,
      Ipv6Supported: true,
      EnaSupport: 'unsupported',
      EfaSupported: false,
    },
    HibernationSupported: false,
    BurstablePerformanceSupported: type.burstable,
    DedicatedHostsSupported: false,
    AutoRecoverySupported: false,
  };
}
