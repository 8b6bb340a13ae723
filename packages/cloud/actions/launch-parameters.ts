// Owns the reading of RunInstances' parameters: EC2's words in, a LaunchRequest out, what is not offered refused.

import { KIB } from '@ironbark/core/units.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import type { MetadataIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { LaunchRequest } from '../app/launch-instances.ts';
import type { PlacementWish } from '../app/placement-groups.ts';
import { invalidValue, notOffered, refuse, refuseParameters } from '../app/refusals.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import type { Launched } from './apply-launch-template.ts';
import { parseMappings } from './block-device-mappings.ts';
import { parseInterfaces } from './launch-interface.ts';

type Input = Ec2Input<'RunInstances'>;

const NOT_OFFERED = [
  'KernelId',
  'RamdiskId',
  'InstanceMarketOptions',
  'EnablePrimaryIpv6',
  'CpuOptions',
  'ElasticGpuSpecification',
  'ElasticInferenceAccelerators',
  'LicenseSpecifications',
  'NetworkPerformanceOptions',
  'SecondaryInterfaces',
  'AdditionalInfo',
  'Operator',
];

/** EC2's default where none is named is m1.small; this cloud keeps to it. */
const DEFAULT_TYPE = 'm1.small';

export function parseLaunch({ input, template }: Launched): LaunchRequest {
  refuseParameters(input, NOT_OFFERED);
  refuseSettings(input);
  return {
    imageId: parseId(IMAGE, input.ImageId, 'ImageId'),
    instanceType: input.InstanceType ?? DEFAULT_TYPE,
    minCount: input.MinCount,
    maxCount: input.MaxCount,
    keyName: input.KeyName,
    userData: input.UserData === undefined ? undefined : checkUserData(input.UserData),
    ...parseInterfaces(input),
    // Terraform sends it empty.
    zone: input.Placement?.AvailabilityZone || undefined,
    placement: parsePlacement(input),
    template,
    profile: input.IamInstanceProfile,
    disableApiTermination: input.DisableApiTermination === true,
    disableApiStop: input.DisableApiStop === true,
    detailedMonitoring: input.Monitoring?.Enabled === true,
    shutdownBehavior: input.InstanceInitiatedShutdownBehavior ?? 'stop',
    metadataOptions: parseMetadataOptions(input.MetadataOptions, DEFAULT_METADATA_OPTIONS),
    mappings: parseMappings(input.BlockDeviceMappings),
    tags: parseTagSpecifications(input.TagSpecifications, [
      'instance',
      'volume',
      'network-interface',
    ]),
    clientToken: input.ClientToken,
  };
}

/** Settings whose default is fine and whose other values would change what the caller gets. */
function refuseSettings(input: Input): void {
  if (input.HibernationOptions?.Configured === true) throw notOffered('Hibernation');
  if (input.EnclaveOptions?.Enabled === true) throw notOffered('An enclave');
  refuseParameters(input.Monitoring ?? {}, ['MetricCategoryIds']);
  const {
    Tenancy = 'default',
    AvailabilityZone: _zone,
    GroupName: _name,
    GroupId: _id,
    ...rest
  } = input.Placement ?? {};
  if (Tenancy !== 'default') throw notOffered(`Tenancy '${Tenancy}'`);
  refuseParameters(rest, Object.keys(rest));
  const reservation = input.CapacityReservationSpecification;
  if (reservation?.CapacityReservationTarget !== undefined) {
    throw notOffered('A capacity reservation');
  }
  refuseHostSettings(input);
}

/** Of the host that a guest runs on, and of the names that it gets. */
function refuseHostSettings(input: Input): void {
  if (input.EbsOptimized === true)
    throw notOffered('EbsOptimized', 'No instance type here has it.');
  if (input.CreditSpecification?.CpuCredits === 'standard') {
    throw notOffered("CpuCredits 'standard'", "Bursts are not counted here: use 'unlimited'.");
  }
  if (input.MaintenanceOptions?.AutoRecovery === 'default') {
    throw notOffered("AutoRecovery 'default'", "It is 'disabled'.");
  }
  const names = input.PrivateDnsNameOptions ?? {};
  if (names.HostnameType === 'resource-name') throw notOffered("HostnameType 'resource-name'");
  refuseParameters(
    { ...names, EnableResourceNameDnsARecord: names.EnableResourceNameDnsARecord || undefined },
    ['EnableResourceNameDnsARecord'],
  );
}

function parsePlacement({ Placement }: Input): PlacementWish | undefined {
  const { GroupName, GroupId } = Placement ?? {};
  if (GroupId !== undefined) return { GroupId, GroupName };
  return GroupName === undefined || GroupName === '' ? undefined : { GroupName };
}

/** EC2's limit, before base64. */
const MAX_USER_DATA_BYTES = 16 * KIB;

/** Answers the base64 in its plain form. */
export function checkUserData(text: string): string {
  const compact = text.replace(/\s+/g, '');
  const isBase64 = /^[A-Za-z0-9+/]*={0,2}$/.test(compact) && compact.length % 4 === 0;
  if (!isBase64) {
    throw refuse('malformed-input', 'user-data', 'Invalid BASE64 encoding of user data.');
  }
  const bytes = Buffer.from(compact, 'base64');
  if (bytes.length > MAX_USER_DATA_BYTES) {
    throw refuse(
      'invalid-parameter',
      'request',
      `User data is limited to ${MAX_USER_DATA_BYTES} bytes; these are ${bytes.length}.`,
    );
  }
  return compact;
}

export const DEFAULT_METADATA_OPTIONS: MetadataIntent['options'] = {
  endpoint: 'enabled',
  tokens: 'optional',
  hopLimit: 1,
  instanceTags: 'disabled',
};
const MAX_HOP_LIMIT = 64;

export function parseMetadataOptions(
  options: Input['MetadataOptions'],
  before: MetadataIntent['options'],
): MetadataIntent['options'] {
  if (options === undefined) return before;
  if (options.HttpProtocolIpv6 === 'enabled') throw notOffered('The metadata service over IPv6');
  const hopLimit = options.HttpPutResponseHopLimit ?? before.hopLimit;
  if (hopLimit < 1 || hopLimit > MAX_HOP_LIMIT) {
    throw invalidValue('HttpPutResponseHopLimit', hopLimit, `It is 1 to ${MAX_HOP_LIMIT}.`);
  }
  return {
    endpoint: options.HttpEndpoint ?? before.endpoint,
    tokens: options.HttpTokens ?? before.tokens,
    hopLimit,
    instanceTags: options.InstanceMetadataTags ?? before.instanceTags,
  };
}
