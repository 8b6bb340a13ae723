// Owns the XML of S3's answers that are not listings.

import { type Checksum, checksumElement } from './checksums.ts';
import { quoteEtag, renderS3Time } from './list-results.ts';
import { element, optional, renderXml, s3Root, type XmlElement } from './xml-writer.ts';

/** `us-east-1` is the empty location, as on AWS. */
export function renderLocation(region: string): string {
  return renderXml(s3Root('LocationConstraint', region === 'us-east-1' ? '' : region));
}

export function renderPolicyStatus(isPublic: boolean): string {
  return renderXml(s3Root('PolicyStatus', [element('IsPublic', isPublic)]));
}

export function renderRequestPayment(): string {
  return renderXml(s3Root('RequestPaymentConfiguration', [element('Payer', 'BucketOwner')]));
}

/** A configuration that is an empty document while it is not set. */
export function renderEmptyConfiguration(root: string): string {
  return renderXml(s3Root(root, ''));
}

export interface DeleteOutcome {
  key: string;
  versionId: string | undefined;
  /** The delete marker that was made or taken away. */
  marker?: string | undefined;
  error?: { code: string; message: string };
}

export function renderDeleteResult(outcomes: readonly DeleteOutcome[], quiet: boolean): string {
  const shown = outcomes.filter((outcome) => outcome.error !== undefined || !quiet);
  return renderXml(s3Root('DeleteResult', shown.map(renderOutcome)));
}

function renderOutcome({ key, versionId, marker, error }: DeleteOutcome): XmlElement {
  const members = [element('Key', key), ...optional('VersionId', versionId)];
  if (error === undefined) {
    const made =
      marker === undefined
        ? []
        : [element('DeleteMarker', true), element('DeleteMarkerVersionId', marker)];
    return element('Deleted', [...members, ...made]);
  }
  return element('Error', [
    ...members,
    element('Code', error.code),
    element('Message', error.message),
  ]);
}

export interface CopyResult {
  etag: string;
  lastModifiedMs: number;
  checksum: Checksum | undefined;
}

export function renderCopyResult(
  root: 'CopyObjectResult' | 'CopyPartResult',
  result: CopyResult,
): string {
  return renderXml(
    s3Root(root, [
      element('LastModified', renderS3Time(result.lastModifiedMs)),
      element('ETag', quoteEtag(result.etag)),
      ...checksumMembers(result.checksum, root === 'CopyObjectResult'),
    ]),
  );
}

export function renderInitiateUpload(bucket: string, key: string, uploadId: string): string {
  return renderXml(
    s3Root('InitiateMultipartUploadResult', [
      element('Bucket', bucket),
      element('Key', key),
      element('UploadId', uploadId),
    ]),
  );
}

export function renderCompleteUpload(result: {
  location: string;
  bucket: string;
  key: string;
  etag: string;
  checksum: Checksum | undefined;
}): string {
  return renderXml(
    s3Root('CompleteMultipartUploadResult', [
      element('Location', result.location),
      element('Bucket', result.bucket),
      element('Key', result.key),
      element('ETag', quoteEtag(result.etag)),
      ...checksumMembers(result.checksum, true),
    ]),
  );
}

function checksumMembers(checksum: Checksum | undefined, withType: boolean): readonly XmlElement[] {
  if (checksum === undefined) return [];
  return [
    element(checksumElement(checksum.algorithm), checksum.value),
    ...(withType ? [element('ChecksumType', checksum.type)] : []),
  ];
}

/** The answer to a form upload that asked for 201. */
export function renderPostResult(result: {
  location: string;
  bucket: string;
  key: string;
  etag: string;
}): string {
  return renderXml(
    element('PostResponse', [
      element('Location', result.location),
      element('Bucket', result.bucket),
      element('Key', result.key),
      element('ETag', quoteEtag(result.etag)),
    ]),
  );
}
