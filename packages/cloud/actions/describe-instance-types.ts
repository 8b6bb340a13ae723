// Owns DescribeInstanceTypes.

import type { InstanceTypeInfo } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { INSTANCE_TYPES, type InstanceType } from '../app/instance-types.ts';
import { refuse } from '../app/refusals.ts';
import type { Ec2Handler } from './handler.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<InstanceType> = {
  names: {
    'instance-type': (type) => type.name,
    'current-generation': (type) => type.currentGeneration,
    'burstable-performance-supported': (type) => type.burstable,
    'bare-metal': () => false,
    'free-tier-eligible': () => false,
    'hibernation-supported': () => false,
    'instance-storage-supported': () => false,
    'memory-info.size-in-mib': (type) => type.memoryMib,
    'processor-info.supported-architecture': () => 'x86_64',
    'supported-root-device-type': () => 'instance-store',
    'supported-usage-class': () => 'on-demand',
    'supported-virtualization-type': () => 'hvm',
    'vcpu-info.default-cores': (type) => type.vcpus,
    'vcpu-info.default-threads-per-core': () => 1,
    'vcpu-info.default-vcpus': (type) => type.vcpus,
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

/** What the type means on this cloud: a guest sees single-threaded cores, no instance storage, one interface. */
function render(type: InstanceType): InstanceTypeInfo {
  return {
    InstanceType: type.name as NonNullable<InstanceTypeInfo['InstanceType']>,
    CurrentGeneration: type.currentGeneration,
    FreeTierEligible: false,
    SupportedUsageClasses: ['on-demand'],
    SupportedRootDeviceTypes: ['instance-store'],
    SupportedVirtualizationTypes: ['hvm'],
    BareMetal: false,
    ProcessorInfo: { SupportedArchitectures: ['x86_64'] },
    VCpuInfo: {
      DefaultVCpus: type.vcpus,
      DefaultCores: type.vcpus,
      DefaultThreadsPerCore: 1,
    },
    MemoryInfo: { SizeInMiB: type.memoryMib },
    InstanceStorageSupported: false,
    EbsInfo: { EbsOptimizedSupport: 'unsupported', EncryptionSupport: 'supported' },
    NetworkInfo: {
      MaximumNetworkInterfaces: 1,
      MaximumNetworkCards: 1,
      DefaultNetworkCardIndex: 0,
      Ipv4AddressesPerInterface: 1,
      Ipv6AddressesPerInterface: 0,
      Ipv6Supported: false,
      EnaSupport: 'unsupported',
      EfaSupported: false,
    },
    HibernationSupported: false,
    BurstablePerformanceSupported: type.burstable,
    DedicatedHostsSupported: false,
    AutoRecoverySupported: false,
  };
}
