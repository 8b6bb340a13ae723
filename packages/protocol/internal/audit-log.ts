// Owns the record of an API call: who asked for what, from where, and what came of it. Field names are CloudTrail's
// where it has one ("CloudTrail record contents"). Bodies, parameters and secrets are never part of it.

import type { Principal } from './identity-client.ts';

export interface AuditEvent {
  /** ISO 8601, when the answer was ready. */
  eventTime: string;
  /** `ec2.amazonaws.com`, `sts.amazonaws.com`, `iam.amazonaws.com`, `ebs.amazonaws.com`, `monitoring.amazonaws.com`, `s3.amazonaws.com` and others. */
  eventSource: string;
  /** The API's action; `Unknown` when the request was refused before it was read. */
  eventName: string;
  awsRegion: string;
  sourceIPAddress: string;
  userAgent?: string;
  requestID: string;
  userIdentity: AuditIdentity;
  /** True for calls that change nothing. */
  readOnly: boolean;
  /** False for calls about objects in a bucket, which CloudTrail calls data events. */
  managementEvent: boolean;
  resources: AuditResource[];
  /** How many more there were. */
  resourcesOmitted?: number;
  httpStatus: number;
  /** Absent when the call succeeded. */
  errorCode?: string;
}

export interface AuditIdentity {
  /** `Unknown`: nobody proved who they are; the key is then only a claim. */
  type: 'Root' | 'IAMUser' | 'AssumedRole' | 'Unknown';
  accountId?: string;
  principalId?: string;
  arn?: string;
  accessKeyId?: string;
}

export interface AuditResource {
  /** CloudFormation's type name, such as `AWS::EC2::Instance`. */
  type: string;
  ARN: string;
}

export interface AuditLog {
  /**
   * Resolves when the answer may be sent: for a call that may have changed something once its record is on stable
   * storage, for others at once; their records follow within a second.
   */
  record(event: AuditEvent): Promise<void>;
}

/** More resources than this are counted only. */
const MAX_RESOURCES = 100;
/** A client chooses these; what is longer says nothing more. */
const MAX_TEXT = 256;

/** What the services know of a call, before it is an event. */
export interface AuditedCall {
  nowMs: number;
  service: 'ec2' | 'sts' | 'iam' | 's3' | 'ebs' | 'monitoring' | 'servicequotas' | 'cloudtrail';
  action: string | undefined;
  region: string;
  requestId: string;
  sourceAddress: string | undefined;
  userAgent: string | undefined;
  /** Absent when nobody proved who they are. */
  caller?: { principal: Principal; accessKeyId: string };
  /** The access key that an unproven request named. */
  claimedKeyId?: string | undefined;
  isManagement: boolean;
  resources: readonly AuditResource[];
  status: number;
  errorCode?: string | undefined;
}

/** `eventName` of a request that was refused before it was read. */
const NO_ACTION = 'Unknown';

export function describeCall(call: AuditedCall): AuditEvent {
  const { action, resources, errorCode, userAgent } = call;
  const omitted = resources.length - MAX_RESOURCES;
  return {
    eventTime: new Date(call.nowMs).toISOString(),
    eventSource: `${call.service}.amazonaws.com`,
    eventName: action ?? NO_ACTION,
    awsRegion: call.region,
    sourceIPAddress: call.sourceAddress ?? '',
    ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, MAX_TEXT) }),
    requestID: call.requestId,
    userIdentity: describeIdentity(call),
    readOnly: action !== undefined && isReadOnly(action),
    managementEvent: call.isManagement,
    resources: resources.slice(0, MAX_RESOURCES),
    ...(omitted > 0 ? { resourcesOmitted: omitted } : {}),
    httpStatus: call.status,
    ...(errorCode === undefined ? {} : { errorCode }),
  };
}

/**
 * The refusal of a request changed nothing, nor did what was no action yet; anything else of a call that is not for reading
 * may have.
 */
export function mayHaveChanged({ eventName, readOnly, httpStatus }: AuditEvent): boolean {
  const isRefused = httpStatus >= 400 && httpStatus < 500;
  return !readOnly && !isRefused && eventName !== NO_ACTION;
}

export function isReadOnly(action: string): boolean {
  return /^(Describe|Get|List|Head|Lookup)/.test(action);
}

/** Of S3's actions those about buckets; CloudTrail counts all others among the data events, although some name no object. */
export function isAboutBuckets(action: string): boolean {
  return /Bucket|PublicAccessBlock$|ObjectLockConfiguration$/.test(action);
}

function describeIdentity({ caller, claimedKeyId }: AuditedCall): AuditIdentity {
  if (caller === undefined) {
    const claim = claimedKeyId?.slice(0, MAX_TEXT);
    return { type: 'Unknown', ...(claim === undefined ? {} : { accessKeyId: claim }) };
  }
  const { accountId, userId, arn, isRoot, roleArn } = caller.principal;
  return {
    type: isRoot ? 'Root' : roleArn === undefined ? 'IAMUser' : 'AssumedRole',
    accountId,
    principalId: userId,
    arn,
    accessKeyId: caller.accessKeyId,
  };
}

/** The key that a request names, believed or not: from the header or the query of any signature. */
export function findClaimedKey(
  authorization: string | undefined,
  target: string,
): string | undefined {
  const header = authorization?.match(/Credential=([^/,\s]{1,128})\//)?.[1];
  if (header !== undefined) return header;
  const query = target.split('?', 2)[1];
  const credential = query?.match(/(?:^|&)X-Amz-Credential=([^&]{1,400})/)?.[1];
  return credential?.split(/\/|%2F/i, 1)[0];
}

/** For services under test, whose calls nobody has to answer for. */
export const NO_AUDIT: AuditLog = { record: async () => {} };
