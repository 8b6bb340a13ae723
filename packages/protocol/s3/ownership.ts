// Owns the XML of ownership controls and of the public access block.

import { ServiceError } from '@ironbark/core/errors.ts';
import { childrenOf, findText, malformedXml, parseXml } from './xml-reader.ts';
import { element, renderXml, s3Root } from './xml-writer.ts';

/** Who owns what others upload, and whether there are access control lists at all. */
export type Ownership = 'BucketOwnerEnforced' | 'BucketOwnerPreferred' | 'ObjectWriter';

const OWNERSHIPS: readonly string[] = [
  'BucketOwnerEnforced',
  'BucketOwnerPreferred',
  'ObjectWriter',
];

export function parseOwnershipControls(body: Uint8Array): Ownership {
  const rules = childrenOf(parseXml(body, 'OwnershipControls'), 'Rule');
  const [rule] = rules;
  if (rule === undefined || rules.length > 1) throw malformedXml('it has to have one rule');
  const name = findText(rule, 'ObjectOwnership') ?? '';
  if (OWNERSHIPS.includes(name)) return name as Ownership;
  throw malformedXml('ObjectOwnership is unknown');
}

/** From the header of CreateBucket. */
export function parseOwnership(name: string): Ownership {
  if (OWNERSHIPS.includes(name)) return name as Ownership;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'request',
    message: 'Invalid x-amz-object-ownership header.',
    details: { ArgumentName: 'x-amz-object-ownership', ArgumentValue: name },
  });
}

export function renderOwnershipControls(ownership: Ownership): string {
  const rule = element('Rule', [element('ObjectOwnership', ownership)]);
  return renderXml(s3Root('OwnershipControls', [rule]));
}

export interface PublicAccessBlock {
  blockPublicAcls: boolean;
  ignorePublicAcls: boolean;
  blockPublicPolicy: boolean;
  restrictPublicBuckets: boolean;
}

const MEMBERS: readonly (readonly [keyof PublicAccessBlock, string])[] = [
  ['blockPublicAcls', 'BlockPublicAcls'],
  ['ignorePublicAcls', 'IgnorePublicAcls'],
  ['blockPublicPolicy', 'BlockPublicPolicy'],
  ['restrictPublicBuckets', 'RestrictPublicBuckets'],
];

export const NO_BLOCK: PublicAccessBlock = {
  blockPublicAcls: false,
  ignorePublicAcls: false,
  blockPublicPolicy: false,
  restrictPublicBuckets: false,
};

export function parsePublicAccessBlock(body: Uint8Array): PublicAccessBlock {
  const root = parseXml(body, 'PublicAccessBlockConfiguration');
  const members = MEMBERS.map(([name, tag]) => {
    const text = (findText(root, tag) ?? 'false').trim().toLowerCase();
    if (text !== 'true' && text !== 'false') throw malformedXml(`${tag} is no boolean`);
    return [name, text === 'true'] as const;
  });
  return { ...NO_BLOCK, ...Object.fromEntries(members) };
}

export function renderPublicAccessBlock(block: PublicAccessBlock): string {
  const members = MEMBERS.map(([name, tag]) => element(tag, block[name]));
  return renderXml(s3Root('PublicAccessBlockConfiguration', members));
}
