// Owns the identifiers of resources: their shapes, and how one is written from random bytes.

/** The prefix of every EC2 resource id that Ironbark hands out, as AWS spells it. */
export type IdPrefix =
  | 'i'
  | 'r'
  | 'vol'
  | 'snap'
  | 'ami'
  | 'key'
  | 'eni'
  | 'eni-attach'
  | 'vpc'
  | 'subnet'
  | 'sg'
  | 'sgr'
  | 'vpc-cidr-assoc'
  | 'subnet-cidr-assoc'
  | 'eigw'
  | 'igw'
  | 'rtb'
  | 'rtbassoc'
  | 'eipalloc'
  | 'eipassoc'
  | 'nat'
  | 'pcx'
  | 'fl'
  | 'acl'
  | 'aclassoc'
  | 'dopt'
  | 'lt'
  | 'pg'
  | 'iip-assoc';

export type ResourceId<Prefix extends IdPrefix> = `${Prefix}-${string}`;
export type InstanceId = ResourceId<'i'>;
export type ReservationId = ResourceId<'r'>;
export type VolumeId = ResourceId<'vol'>;
export type SnapshotId = ResourceId<'snap'>;
export type ImageId = ResourceId<'ami'>;
export type KeyPairId = ResourceId<'key'>;
export type InterfaceId = ResourceId<'eni'>;
export type VpcId = ResourceId<'vpc'>;
export type SubnetId = ResourceId<'subnet'>;
export type SecurityGroupId = ResourceId<'sg'>;
export type SecurityGroupRuleId = ResourceId<'sgr'>;
export type InternetGatewayId = ResourceId<'igw'>;
export type RouteTableId = ResourceId<'rtb'>;
export type NetworkAclId = ResourceId<'acl'>;
export type NetworkAclAssociationId = ResourceId<'aclassoc'>;
export type DhcpOptionsId = ResourceId<'dopt'>;
export type RouteTableAssociationId = ResourceId<'rtbassoc'>;
export type AllocationId = ResourceId<'eipalloc'>;
export type AddressAssociationId = ResourceId<'eipassoc'>;
export type NatGatewayId = ResourceId<'nat'>;
export type FlowLogId = ResourceId<'fl'>;
export type VpcPeeringConnectionId = ResourceId<'pcx'>;
export type VpcCidrAssociationId = ResourceId<'vpc-cidr-assoc'>;
export type SubnetCidrAssociationId = ResourceId<'subnet-cidr-assoc'>;
export type EgressOnlyGatewayId = ResourceId<'eigw'>;
export type LaunchTemplateId = ResourceId<'lt'>;
export type ProfileAssociationId = ResourceId<'iip-assoc'>;
export type PlacementGroupId = ResourceId<'pg'>;

/** A node of the cloud; stable for the life of its data folder. */
export type NodeId = `node-${string}`;

/** Twelve decimal digits, as AWS writes an account. */
export type AccountId = string;

/** AWS's long form: 17 hexadecimal digits after the prefix. */
const ID_HEX_DIGITS = 17;
export const ID_RANDOM_BYTES = Math.ceil(ID_HEX_DIGITS / 2);

/** Writes an id such as `i-0123456789abcdef0` from at least {@link ID_RANDOM_BYTES} random bytes. */
export function formatId<Prefix extends IdPrefix>(
  prefix: Prefix,
  bytes: Uint8Array,
): ResourceId<Prefix> {
  const hex = Buffer.from(bytes).toString('hex').slice(0, ID_HEX_DIGITS);
  return `${prefix}-${hex}`;
}

/** True for `prefix-` and 8 to 17 lower-case hexadecimal digits, the forms that EC2 accepts. */
export function isResourceId<Prefix extends IdPrefix>(
  prefix: Prefix,
  text: string,
): text is ResourceId<Prefix> {
  return (
    text.startsWith(`${prefix}-`) &&
    /^[0-9a-f]{8}(?:[0-9a-f]{9})?$/.test(text.slice(prefix.length + 1))
  );
}
