// Owns the lines and keys of S3's server access log.
// Source: AWS, "Amazon S3 server access log format", and "Log object key format".

import type { LogKeyFormat } from './bucket-logging.ts';

/** Absent members are a dash. */
export interface AccessLogEntry {
  bucketOwner: string;
  bucket: string;
  /** When the request came. */
  timeMs: number;
  remoteIp: string | undefined;
  requester: string | undefined;
  requestId: string;
  operation: string;
  key: string | undefined;
  /** `GET /bucket/key HTTP/1.1` */
  requestUri: string;
  status: number;
  errorCode: string | undefined;
  bytesSent: number;
  objectBytes: number | undefined;
  totalMs: number;
  /** Until the answer began. */
  turnAroundMs: number;
  referer: string | undefined;
  userAgent: string | undefined;
  versionId: string | undefined;
  hostId: string;
  signatureVersion: 'SigV2' | 'SigV4' | undefined;
  authentication: 'AuthHeader' | 'QueryString' | undefined;
  hostHeader: string | undefined;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** A client chooses these; what is longer says nothing more. */
const MAX_TEXT = 1_024;

/** Without its line's end. */
export function renderAccessLogLine(entry: AccessLogEntry): string {
  return [
    entry.bucketOwner,
    entry.bucket,
    `[${renderTime(entry.timeMs)}]`,
    plain(entry.remoteIp),
    plain(entry.requester),
    entry.requestId,
    entry.operation,
    entry.key === undefined ? '-' : entry.key.split('/').map(encodeURIComponent).join('/'),
    quoted(entry.requestUri),
    String(entry.status),
    plain(entry.errorCode),
    number(entry.bytesSent === 0 ? undefined : entry.bytesSent),
    number(entry.objectBytes),
    number(entry.totalMs),
    number(entry.turnAroundMs),
    quoted(entry.referer),
    quoted(entry.userAgent),
    plain(entry.versionId),
    entry.hostId,
    plain(entry.signatureVersion),
    // No TLS is ended here: cipher, and below its version; then access point and ACLs.
    '-',
    plain(entry.authentication),
    plain(entry.hostHeader),
    '-',
    '-',
    '-',
  ].join(' ');
}

/** `06/Feb/2019:00:00:38 +0000` */
function renderTime(ms: number): string {
  const [date = '', time = ''] = new Date(ms).toISOString().split('T');
  const [year, month, day] = date.split('-');
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`;
}

function number(value: number | undefined): string {
  return value === undefined ? '-' : String(Math.round(value));
}

/** One word, whatever somebody sent. */
function plain(text: string | undefined): string {
  if (text === undefined || text === '') return '-';
  return text.slice(0, MAX_TEXT).replace(/[^\x21-\x7e]/g, encodeByte);
}

/** Nobody ends the quotes, or the line, from outside. */
function quoted(text: string | undefined): string {
  if (text === undefined) return '-';
  return `"${text.slice(0, MAX_TEXT).replace(/[^\x20\x21\x23-\x7e]/g, encodeByte)}"`;
}

function encodeByte(character: string): string {
  return `%${(character.charCodeAt(0) & 0xff).toString(16).toUpperCase().padStart(2, '0')}`;
}

export interface LogKeyInput {
  prefix: string;
  format: LogKeyFormat;
  accountId: string;
  region: string;
  bucket: string;
  deliveredMs: number;
  /** Of the lines, all of which are of one day where keys have it. */
  eventMs: number;
  /** What makes the name the only one of its second. */
  unique: string;
}

export function renderLogKey(input: LogKeyInput): string {
  const { prefix, format, unique } = input;
  const name = (stamp: string) => `${stamp.replace(/[T:]/g, '-')}-${unique}`;
  const delivered = new Date(input.deliveredMs).toISOString().slice(0, 19);
  if (format === 'simple') return `${prefix}${name(delivered)}`;
  const eventDay = logDay(input.eventMs);
  const stamp = format === 'partitioned-by-event' ? `${eventDay}T00:00:00` : delivered;
  const day = stamp.slice(0, 10).replaceAll('-', '/');
  return `${prefix}${input.accountId}/${input.region}/${input.bucket}/${day}/${name(stamp)}`;
}

/** `2019-02-06` */
export function logDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Sub-resources whose name in the log is not their own in capitals. */
const RESOURCES: Readonly<Record<string, string>> = {
  ListObjects: 'BUCKET',
  ListObjectsV2: 'BUCKET',
  ListObjectVersions: 'BUCKETVERSIONS',
  ListMultipartUploads: 'UPLOADS',
  CreateMultipartUpload: 'UPLOADS',
  UploadPart: 'PART',
  ListParts: 'UPLOAD',
  CompleteMultipartUpload: 'UPLOAD',
  AbortMultipartUpload: 'UPLOAD',
  DeleteObjects: 'MULTI_OBJECT_DELETE',
};
const SUB_RESOURCES: Readonly<Record<string, string>> = {
  accelerate: 'ACCELERATE',
  acl: 'ACL',
  attributes: 'OBJECT_ATTRIBUTES',
  cors: 'CORS',
  encryption: 'ENCRYPTION',
  'legal-hold': 'LEGAL_HOLD',
  lifecycle: 'LIFECYCLE',
  location: 'LOCATION',
  logging: 'LOGGING_STATUS',
  notification: 'NOTIFICATION',
  'object-lock': 'OBJECT_LOCK_CONFIGURATION',
  ownershipControls: 'OWNERSHIP_CONTROLS',
  policy: 'BUCKETPOLICY',
  policyStatus: 'POLICY_STATUS',
  publicAccessBlock: 'PUBLIC_ACCESS_BLOCK',
  replication: 'REPLICATION',
  requestPayment: 'REQUEST_PAYMENT',
  retention: 'RETENTION',
  tagging: 'TAGGING',
  versioning: 'VERSIONING',
  website: 'WEBSITE',
};

/** `REST.GET.OBJECT`, from the operation and from the query that names what of it is meant. */
export function accessLogOperation(request: {
  method: string;
  operation: string | undefined;
  isObject: boolean;
  query: ReadonlyMap<string, string>;
  isWebsite?: boolean;
}): string {
  const { method, operation = '', isObject, query } = request;
  if (request.isWebsite === true) return `WEBSITE.${method}.OBJECT`;
  if (operation === 'CopyObject') return 'REST.COPY.OBJECT';
  if (method === 'OPTIONS') return 'REST.OPTIONS.PREFLIGHT';
  const sub = [...query.keys()].find((name) => Object.hasOwn(SUB_RESOURCES, name));
  const named = Object.hasOwn(RESOURCES, operation) ? RESOURCES[operation] : undefined;
  const level = isObject ? 'OBJECT' : 'BUCKET';
  const ofSub = sub === undefined ? undefined : SUB_RESOURCES[sub];
  const isTags = isObject && sub === 'tagging';
  return `REST.${method}.${isTags ? 'OBJECT_TAGGING' : (named ?? ofSub ?? level)}`;
}
