// Owns the XML of a bucket's default encryption.

import { ServiceError } from '@ironbark/core/errors.ts';
import { childrenOf, findText, malformedXml, parseXml } from './xml-reader.ts';
import { element, optional, renderXml, s3Root } from './xml-writer.ts';

export interface BucketEncryption {
  algorithm: 'AES256' | 'aws:kms';
  /** As it was given; absent: the account's own. */
  kmsKeyId?: string | undefined;
  bucketKey: boolean;
}

export function parseBucketEncryption(body: Uint8Array): BucketEncryption {
  const rules = childrenOf(parseXml(body, 'ServerSideEncryptionConfiguration'), 'Rule');
  const [rule] = rules;
  if (rule === undefined || rules.length > 1) throw malformedXml('it has to have one rule');
  const [choice] = childrenOf(rule, 'ApplyServerSideEncryptionByDefault');
  if (choice === undefined) throw malformedXml('the rule says nothing to apply');
  const algorithm = parseSseAlgorithm(findText(choice, 'SSEAlgorithm') ?? '');
  const kmsKeyId = findText(choice, 'KMSMasterKeyID');
  if (algorithm === 'AES256' && kmsKeyId !== undefined) {
    throw new ServiceError({
      kind: 'invalid-parameter',
      resource: 'encryption',
      message: 'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms',
    });
  }
  const bucketKey = findText(rule, 'BucketKeyEnabled') === 'true';
  return { algorithm, ...(kmsKeyId === undefined ? {} : { kmsKeyId }), bucketKey };
}

export function parseSseAlgorithm(name: string): 'AES256' | 'aws:kms' {
  if (name === 'AES256' || name === 'aws:kms') return name;
  throw new ServiceError({
    kind: name === 'aws:kms:dsse' ? 'unsupported' : 'invalid-parameter',
    resource: 'encryption',
    message: 'The encryption method specified is not supported',
    details: { ArgumentName: 'x-amz-server-side-encryption', ArgumentValue: name },
  });
}

export function renderBucketEncryption(encryption: BucketEncryption): string {
  const choice = element('ApplyServerSideEncryptionByDefault', [
    element('SSEAlgorithm', encryption.algorithm),
    ...optional('KMSMasterKeyID', encryption.kmsKeyId),
  ]);
  const rule = element('Rule', [choice, element('BucketKeyEnabled', encryption.bucketKey)]);
  return renderXml(s3Root('ServerSideEncryptionConfiguration', [rule]));
}
