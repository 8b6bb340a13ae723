// Owns the XML of S3's listings: buckets, objects in both versions of the call, versions, uploads and parts.

import { encodePercentText } from '../sigv4/percent.ts';
import { type Checksum, type ChecksumAlgorithm, checksumElement } from './checksums.ts';
import { element, optional, renderXml, s3Root, type XmlElement } from './xml-writer.ts';

/** Seconds, then `.000Z`: S3 keeps no fractions. */
export function renderS3Time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}.000Z`;
}

/** With its quotes. */
export function quoteEtag(etag: string): string {
  return `"${etag}"`;
}

export interface ListedBucket {
  name: string;
  createdAtMs: number;
}

export function renderListBuckets(result: {
  ownerId: string;
  region: string;
  buckets: readonly ListedBucket[];
  prefix: string | undefined;
  nextToken: string | undefined;
}): string {
  const buckets = result.buckets.map((bucket) =>
    element('Bucket', [
      element('Name', bucket.name),
      element('CreationDate', renderS3Time(bucket.createdAtMs)),
      element('BucketRegion', result.region),
    ]),
  );
  return renderXml(
    s3Root('ListAllMyBucketsResult', [
      owner('Owner', result.ownerId),
      element('Buckets', buckets),
      ...optional('ContinuationToken', result.nextToken),
      ...optional('Prefix', result.prefix),
    ]),
  );
}

export function owner(name: string, id: string): XmlElement {
  return element(name, [element('ID', id), element('DisplayName', id)]);
}

export interface ListedObject {
  key: string;
  sizeBytes: number;
  etag: string;
  lastModifiedMs: number;
  checksum?: Checksum;
  ownerId: string;
}

export interface ListPage {
  bucket: string;
  prefix: string;
  delimiter: string | undefined;
  maxKeys: number;
  objects: readonly ListedObject[];
  commonPrefixes: readonly string[];
  isTruncated: boolean;
  encodingType: 'url' | undefined;
}

type Encode = (text: string) => string;

function encoder(encodingType: 'url' | undefined): Encode {
  return encodingType === 'url' ? (text) => encodePercentText(text, '/') : (text) => text;
}

export function renderListObjects(
  page: ListPage & { marker: string; nextMarker: string | undefined },
): string {
  const encode = encoder(page.encodingType);
  return renderXml(
    s3Root('ListBucketResult', [
      // Clients of the first version do not expect the prefix to be encoded with the keys.
      ...pageHead(page, encode, page.prefix),
      element('Marker', encode(page.marker)),
      ...optional(
        'NextMarker',
        page.nextMarker === undefined ? undefined : encode(page.nextMarker),
      ),
      ...pageObjects(page, encode, true),
    ]),
  );
}

export function renderListObjectsV2(
  page: ListPage & {
    startAfter: string | undefined;
    token: string | undefined;
    nextToken: string | undefined;
    withOwners: boolean;
  },
): string {
  const encode = encoder(page.encodingType);
  const startAfter = page.startAfter === undefined ? undefined : encode(page.startAfter);
  return renderXml(
    s3Root('ListBucketResult', [
      ...pageHead(page, encode),
      element('KeyCount', page.objects.length + page.commonPrefixes.length),
      ...optional('StartAfter', startAfter),
      ...optional('ContinuationToken', page.token),
      ...optional('NextContinuationToken', page.nextToken),
      ...pageObjects(page, encode, page.withOwners),
    ]),
  );
}

export interface ListedVersion extends ListedObject {
  versionId: string;
  isLatest: boolean;
  isDeleteMarker: boolean;
}

export function renderListVersions(
  page: Omit<ListPage, 'objects'> & {
    versions: readonly ListedVersion[];
    keyMarker: string;
    versionIdMarker: string;
    next: { key: string; versionId: string } | undefined;
  },
): string {
  const encode = encoder(page.encodingType);
  const { next } = page;
  const nextMarkers =
    next === undefined
      ? []
      : [
          element('NextKeyMarker', encode(next.key)),
          ...(next.versionId === '' ? [] : [element('NextVersionIdMarker', next.versionId)]),
        ];
  return renderXml(
    s3Root('ListVersionsResult', [
      ...pageHead({ ...page, objects: [] }, encode),
      element('KeyMarker', encode(page.keyMarker)),
      element('VersionIdMarker', page.versionIdMarker),
      ...nextMarkers,
      ...page.versions.map((version) => renderVersion(version, encode)),
      ...commonPrefixes(page.commonPrefixes, encode),
    ]),
  );
}

function renderVersion(version: ListedVersion, encode: Encode): XmlElement {
  const members = [
    element('Key', encode(version.key)),
    element('VersionId', version.versionId),
    element('IsLatest', version.isLatest),
  ];
  if (version.isDeleteMarker) {
    const time = element('LastModified', renderS3Time(version.lastModifiedMs));
    return element('DeleteMarker', [...members, time, owner('Owner', version.ownerId)]);
  }
  return element('Version', [
    ...members,
    ...objectMembers(version),
    owner('Owner', version.ownerId),
  ]);
}

function pageHead(page: ListPage, encode: Encode, prefix = encode(page.prefix)) {
  return [
    element('Name', page.bucket),
    element('Prefix', prefix),
    ...optional('Delimiter', page.delimiter === undefined ? undefined : encode(page.delimiter)),
    element('MaxKeys', page.maxKeys),
    ...optional('EncodingType', page.encodingType),
    element('IsTruncated', page.isTruncated),
  ];
}

function pageObjects(page: ListPage, encode: Encode, withOwners: boolean): readonly XmlElement[] {
  const objects = page.objects.map((object) =>
    element('Contents', [
      element('Key', encode(object.key)),
      ...objectMembers(object),
      ...(withOwners ? [owner('Owner', object.ownerId)] : []),
    ]),
  );
  return [...objects, ...commonPrefixes(page.commonPrefixes, encode)];
}

function objectMembers(object: ListedObject): readonly XmlElement[] {
  const { checksum } = object;
  return [
    element('LastModified', renderS3Time(object.lastModifiedMs)),
    element('ETag', quoteEtag(object.etag)),
    ...(checksum === undefined
      ? []
      : [
          element('ChecksumAlgorithm', checksum.algorithm.toUpperCase()),
          element('ChecksumType', checksum.type),
        ]),
    element('Size', object.sizeBytes),
    element('StorageClass', 'STANDARD'),
  ];
}

function commonPrefixes(prefixes: readonly string[], encode: Encode): readonly XmlElement[] {
  return prefixes.map((prefix) => element('CommonPrefixes', [element('Prefix', encode(prefix))]));
}

export interface ListedUpload {
  key: string;
  uploadId: string;
  initiatedAtMs: number;
  initiatorId: string;
  ownerId: string;
}

export function renderListUploads(result: {
  bucket: string;
  prefix: string;
  delimiter: string | undefined;
  keyMarker: string;
  uploadIdMarker: string;
  maxUploads: number;
  isTruncated: boolean;
  uploads: readonly ListedUpload[];
  commonPrefixes: readonly string[];
  next: { key: string; uploadId: string } | undefined;
  encodingType: 'url' | undefined;
}): string {
  const encode = encoder(result.encodingType);
  const uploads = result.uploads.map((upload) =>
    element('Upload', [
      element('Key', encode(upload.key)),
      element('UploadId', upload.uploadId),
      owner('Initiator', upload.initiatorId),
      owner('Owner', upload.ownerId),
      element('StorageClass', 'STANDARD'),
      element('Initiated', renderS3Time(upload.initiatedAtMs)),
    ]),
  );
  const { next, delimiter } = result;
  return renderXml(
    s3Root('ListMultipartUploadsResult', [
      element('Bucket', result.bucket),
      element('KeyMarker', encode(result.keyMarker)),
      element('UploadIdMarker', result.uploadIdMarker),
      ...optional('NextKeyMarker', next === undefined ? undefined : encode(next.key)),
      ...optional('NextUploadIdMarker', next?.uploadId),
      element('Prefix', encode(result.prefix)),
      ...optional('Delimiter', delimiter === undefined ? undefined : encode(delimiter)),
      ...optional('EncodingType', result.encodingType),
      element('MaxUploads', result.maxUploads),
      element('IsTruncated', result.isTruncated),
      ...uploads,
      ...commonPrefixes(result.commonPrefixes, encode),
    ]),
  );
}

export interface ListedPart {
  partNumber: number;
  sizeBytes: number;
  etag: string;
  lastModifiedMs: number;
  /** Base64, of the upload's algorithm. */
  checksum: string | undefined;
}

export function renderListParts(result: {
  bucket: string;
  key: string;
  uploadId: string;
  partNumberMarker: number;
  nextPartNumberMarker: number | undefined;
  maxParts: number;
  isTruncated: boolean;
  parts: readonly ListedPart[];
  algorithm: ChecksumAlgorithm | undefined;
  checksumType: string | undefined;
  ownerId: string;
  initiatorId: string;
}): string {
  const { algorithm } = result;
  const parts = result.parts.map((part) =>
    element('Part', [
      element('PartNumber', part.partNumber),
      element('LastModified', renderS3Time(part.lastModifiedMs)),
      element('ETag', quoteEtag(part.etag)),
      element('Size', part.sizeBytes),
      ...(algorithm === undefined ? [] : optional(checksumElement(algorithm), part.checksum)),
    ]),
  );
  return renderXml(
    s3Root('ListPartsResult', [
      element('Bucket', result.bucket),
      element('Key', result.key),
      element('UploadId', result.uploadId),
      element('PartNumberMarker', result.partNumberMarker),
      ...optional('NextPartNumberMarker', result.nextPartNumberMarker),
      element('MaxParts', result.maxParts),
      element('IsTruncated', result.isTruncated),
      ...optional('ChecksumAlgorithm', algorithm?.toUpperCase()),
      ...optional('ChecksumType', result.checksumType),
      owner('Initiator', result.initiatorId),
      owner('Owner', result.ownerId),
      element('StorageClass', 'STANDARD'),
      ...parts,
    ]),
  );
}
