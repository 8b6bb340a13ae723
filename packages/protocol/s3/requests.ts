// Owns the XML bodies that S3's operations take.

import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm, checksumElement } from './checksums.ts';
import { MAX_BUCKET_TAGS, readTags, type Tag } from './tagging.ts';
import { childrenOf, findText, malformedXml, parseXml, type XmlNode } from './xml-reader.ts';

export interface CreateBucketConfiguration {
  locationConstraint: string | undefined;
  tags: readonly Tag[];
}

export function parseCreateBucket(body: Uint8Array): CreateBucketConfiguration {
  if (body.length === 0) return { locationConstraint: undefined, tags: [] };
  const root = parseXml(body, 'CreateBucketConfiguration');
  for (const name of ['Location', 'Bucket']) {
    if (childrenOf(root, name).length > 0) throw malformedXml('directory buckets are not offered');
  }
  const [tags] = childrenOf(root, 'Tags');
  return {
    locationConstraint: findText(root, 'LocationConstraint'),
    tags: tags === undefined ? [] : readTags(tags, MAX_BUCKET_TAGS),
  };
}

export interface DeleteRequest {
  quiet: boolean;
  objects: readonly { key: string; versionId: string | undefined; etag: string | undefined }[];
}

/** AWS's own limit. */
const MAX_DELETES = 1_000;

export function parseDelete(body: Uint8Array): DeleteRequest {
  const root = parseXml(body, 'Delete');
  const objects = childrenOf(root, 'Object').map((node) => ({
    key: requireText(node, 'Key'),
    versionId: findText(node, 'VersionId'),
    etag: findText(node, 'ETag'),
  }));
  if (objects.length === 0 || objects.length > MAX_DELETES) {
    throw malformedXml(`Delete takes 1 to ${MAX_DELETES} objects`);
  }
  return { quiet: findText(root, 'Quiet') === 'true', objects };
}

export interface CompletedPart {
  partNumber: number;
  etag: string;
  /** Base64, as far as given. */
  checksums: Partial<Record<ChecksumAlgorithm, string>>;
}

const MAX_PARTS = 10_000;

export function parseCompleteMultipartUpload(body: Uint8Array): readonly CompletedPart[] {
  const nodes = childrenOf(parseXml(body, 'CompleteMultipartUpload'), 'Part');
  if (nodes.length === 0 || nodes.length > MAX_PARTS) {
    throw malformedXml(`CompleteMultipartUpload takes 1 to ${MAX_PARTS} parts`);
  }
  return nodes.map(parsePart);
}

function parsePart(node: XmlNode): CompletedPart {
  const number = requireText(node, 'PartNumber').trim();
  if (!/^\d{1,5}$/.test(number)) throw malformedXml('PartNumber is not a number');
  const given = CHECKSUM_ALGORITHMS.flatMap((algorithm) => {
    const value = findText(node, checksumElement(algorithm));
    return value === undefined ? [] : [[algorithm, value] as const];
  });
  return {
    partNumber: Number(number),
    etag: requireText(node, 'ETag').trim(),
    checksums: Object.fromEntries(given),
  };
}

function requireText(node: XmlNode, name: string): string {
  const text = findText(node, name);
  if (text === undefined) throw malformedXml(`${node.name} has no ${name}`);
  return text;
}
