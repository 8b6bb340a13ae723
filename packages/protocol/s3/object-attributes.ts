// Owns the XML of GetObjectAttributes.

import { type Checksum, checksumElement } from './checksums.ts';
import { element, optional, renderXml, s3Root, type XmlElement } from './xml-writer.ts';

export interface ObjectAttributes {
  etag: string;
  checksum: Checksum | undefined;
  sizeBytes: number;
  /** Of an object that was uploaded in parts. */
  parts: readonly { sizeBytes: number; checksum: string | null }[] | undefined;
  /** Parts up to this number are left out. */
  after: number;
  maxParts: number;
}

/** `wanted` has the names of the attributes that are asked for. */
export function renderObjectAttributes(
  wanted: ReadonlySet<string>,
  attributes: ObjectAttributes,
): string {
  const { etag, checksum, sizeBytes, parts } = attributes;
  const when = (name: string, content: () => readonly XmlElement[]) =>
    wanted.has(name) ? content() : [];
  return renderXml(
    s3Root('GetObjectAttributesResponse', [
      ...when('ETag', () => [element('ETag', etag)]),
      ...when('Checksum', () => (checksum === undefined ? [] : [renderChecksum(checksum)])),
      ...when('ObjectParts', () => (parts === undefined ? [] : [renderParts(attributes)])),
      ...when('StorageClass', () => [element('StorageClass', 'STANDARD')]),
      ...when('ObjectSize', () => [element('ObjectSize', sizeBytes)]),
    ]),
  );
}

function renderChecksum({ algorithm, value, type }: Checksum): XmlElement {
  return element('Checksum', [
    element(checksumElement(algorithm), value),
    element('ChecksumType', type),
  ]);
}

function renderParts({ parts = [], checksum, after, maxParts }: ObjectAttributes): XmlElement {
  const numbered = parts.map((part, at) => ({ ...part, number: at + 1 }));
  const shown = numbered.slice(after, after + maxParts);
  const isTruncated = after + shown.length < parts.length;
  const last = shown.at(-1)?.number ?? after;
  const nodes = shown.map((part) =>
    element('Part', [
      element('PartNumber', part.number),
      element('Size', part.sizeBytes),
      ...(checksum === undefined
        ? []
        : optional(checksumElement(checksum.algorithm), part.checksum ?? undefined)),
    ]),
  );
  return element('ObjectParts', [
    element('PartsCount', parts.length),
    element('PartNumberMarker', after),
    element('NextPartNumberMarker', last),
    element('MaxParts', maxParts),
    element('IsTruncated', isTruncated),
    ...nodes,
  ]);
}
