// Owns the condition keys of a call: where it comes from, when, and what it asks for.
// Source: IAM User Guide, "AWS global condition context keys"; Service Authorization Reference, Amazon EC2.

import { type ConditionContext, foldKey } from '@ironbark/protocol/policy/conditions.ts';

/** What is known of a request besides what it asks for. */
export interface RequestFacts {
  sourceAddress?: string | undefined;
  userAgent?: string | undefined;
}

export interface CallFacts {
  service: string;
  input: unknown;
  region: string;
  nowMs: number;
  request: RequestFacts | undefined;
}

export function describeCallConditions(call: CallFacts): ConditionContext {
  const { service, region, nowMs, request = {}, input } = call;
  const context = new Map<string, readonly string[]>();
  const set = (key: string, value: unknown) => {
    if (value !== undefined && value !== null) context.set(foldKey(key), [String(value)]);
  };
  set('aws:RequestedRegion', region);
  set('aws:CurrentTime', new Date(nowMs).toISOString());
  set('aws:EpochTime', Math.floor(nowMs / 1_000));
  set('aws:SecureTransport', false);
  set('aws:SourceIp', request.sourceAddress);
  set('aws:UserAgent', request.userAgent);
  if (service === 'ec2') describeEc2(set, region, input);
  if (service === 'iam') describeIam(set, input);
  if (service === 'ebs') describeEbs(set, input);
  describeTags(context, input);
  return context;
}

type Set_ = (key: string, value: unknown) => void;

const EC2_KEYS: readonly [key: string, member: string][] = [
  ['ec2:InstanceType', 'InstanceType'],
  ['ec2:VolumeType', 'VolumeType'],
  ['ec2:VolumeSize', 'Size'],
  ['ec2:VolumeIops', 'Iops'],
  ['ec2:VolumeThroughput', 'Throughput'],
  ['ec2:Encrypted', 'Encrypted'],
  ['ec2:AvailabilityZone', 'AvailabilityZone'],
  ['ec2:Attribute', 'Attribute'],
];

function describeEc2(set: Set_, region: string, input: unknown): void {
  const members = Object(input) as Record<string, unknown>;
  set('ec2:Region', region);
  for (const [key, member] of EC2_KEYS) {
    const value = members[member];
    if (typeof value !== 'object') set(key, value);
  }
  const { Placement } = members as { Placement?: { AvailabilityZone?: string } };
  set('ec2:AvailabilityZone', Placement?.AvailabilityZone ?? members['AvailabilityZone']);
}

function describeIam(set: Set_, input: unknown): void {
  const { PolicyArn, PermissionsBoundary } = Object(input) as Record<string, unknown>;
  set('iam:PolicyARN', PolicyArn);
  set('iam:PermissionsBoundary', PermissionsBoundary);
}

/** Service Authorization Reference, "Amazon Elastic Block Store". */
function describeEbs(set: Set_, input: unknown): void {
  const { ParentSnapshotId, Description, VolumeSize } = Object(input) as Record<string, unknown>;
  set('ebs:ParentSnapshot', ParentSnapshotId);
  set('ebs:Description', Description);
  set('ebs:VolumeSize', VolumeSize);
}

interface WireTag {
  Key?: string;
  Value?: string;
}

/** `Tags` of the request, and those of what it makes. */
export function requestTags(input: unknown): WireTag[] {
  const { Tags, TagSpecifications } = Object(input) as {
    Tags?: WireTag[];
    TagSpecifications?: { Tags?: WireTag[] }[];
  };
  return [...(Tags ?? []), ...(TagSpecifications ?? []).flatMap((one) => one.Tags ?? [])];
}

function describeTags(context: Map<string, readonly string[]>, input: unknown): void {
  const tags = requestTags(input);
  const { TagKeys = [] } = Object(input) as { TagKeys?: string[] };
  for (const { Key = '', Value = '' } of tags) {
    context.set(foldKey(`aws:RequestTag/${Key}`), [Value]);
  }
  const keys = [...new Set([...tags.map(({ Key = '' }) => Key), ...TagKeys])];
  if (keys.length > 0) context.set(foldKey('aws:TagKeys'), keys);
}
