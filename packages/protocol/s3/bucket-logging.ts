// Owns the XML of a bucket's access log: where it goes, and under which keys.
// Source: AWS, "Logging requests with server access logging", PutBucketLogging.

import { ServiceError } from '@ironbark/core/errors.ts';
import { childrenOf, findText, malformedXml, parseXml, type XmlNode } from './xml-reader.ts';
import { element, renderXml, s3Root } from './xml-writer.ts';

/** The partitioned ones have folders of account, region, bucket and day in front of the name. */
export type LogKeyFormat = 'simple' | 'partitioned-by-event' | 'partitioned-by-delivery';

export interface BucketLogging {
  targetBucket: string;
  targetPrefix: string;
  keyFormat: LogKeyFormat;
}

const MAX_PREFIX_BYTES = 800;
const BY_EVENT = 'EventTime';
const BY_DELIVERY = 'DeliveryTime';

/** Undefined: nothing is to be logged. */
export function parseBucketLogging(body: Uint8Array): BucketLogging | undefined {
  const [enabled] = childrenOf(parseXml(body, 'BucketLoggingStatus'), 'LoggingEnabled');
  if (enabled === undefined) return undefined;
  const targetBucket = findText(enabled, 'TargetBucket') ?? '';
  const targetPrefix = findText(enabled, 'TargetPrefix');
  if (targetBucket === '' || targetPrefix === undefined) {
    throw malformedXml('LoggingEnabled needs TargetBucket and TargetPrefix');
  }
  // A name of date and random digits follows; the whole may have 1,024 bytes.
  if (Buffer.byteLength(targetPrefix) > MAX_PREFIX_BYTES) {
    throw malformedXml(`TargetPrefix has more than ${MAX_PREFIX_BYTES} bytes`);
  }
  const [grants] = childrenOf(enabled, 'TargetGrants');
  if (grants !== undefined && childrenOf(grants, 'Grant').length > 0) throw noGrants();
  return { targetBucket, targetPrefix, keyFormat: parseFormat(enabled) };
}

function parseFormat(enabled: XmlNode): LogKeyFormat {
  const [format] = childrenOf(enabled, 'TargetObjectKeyFormat');
  if (format === undefined) return 'simple';
  const isSimple = childrenOf(format, 'SimplePrefix').length > 0;
  const [partitioned] = childrenOf(format, 'PartitionedPrefix');
  if (isSimple === (partitioned !== undefined)) {
    throw malformedXml('TargetObjectKeyFormat needs one of SimplePrefix and PartitionedPrefix');
  }
  if (partitioned === undefined) return 'simple';
  const source = findText(partitioned, 'PartitionDateSource') ?? BY_DELIVERY;
  if (source === BY_EVENT) return 'partitioned-by-event';
  if (source === BY_DELIVERY) return 'partitioned-by-delivery';
  throw malformedXml('PartitionDateSource is unknown');
}

export function renderBucketLogging(logging: BucketLogging | undefined): string {
  if (logging === undefined) return renderXml(s3Root('BucketLoggingStatus', []));
  const enabled = element('LoggingEnabled', [
    element('TargetBucket', logging.targetBucket),
    element('TargetPrefix', logging.targetPrefix),
    element('TargetObjectKeyFormat', [renderFormat(logging.keyFormat)]),
  ]);
  return renderXml(s3Root('BucketLoggingStatus', [enabled]));
}

function renderFormat(format: LogKeyFormat) {
  if (format === 'simple') return element('SimplePrefix', []);
  const source = format === 'partitioned-by-event' ? BY_EVENT : BY_DELIVERY;
  return element('PartitionedPrefix', [element('PartitionDateSource', source)]);
}

function noGrants(): ServiceError {
  return new ServiceError({
    kind: 'unsupported',
    resource: 'acl',
    message: 'A request you made is not implemented: TargetGrants. Use a policy of the bucket.',
  });
}
