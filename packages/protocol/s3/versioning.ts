// Owns the XML of a bucket's versioning.

import { ServiceError } from '@ironbark/core/errors.ts';
import { findText, malformedXml, parseXml } from './xml-reader.ts';
import { optional, renderXml, s3Root } from './xml-writer.ts';

export type Versioning = 'Enabled' | 'Suspended';

export function parseVersioning(body: Uint8Array): Versioning {
  const root = parseXml(body, 'VersioningConfiguration');
  if (findText(root, 'MfaDelete') === 'Enabled') {
    throw new ServiceError({
      kind: 'unsupported',
      resource: 'request',
      message: 'MFA delete is not implemented: this cloud has no MFA devices.',
    });
  }
  const status = findText(root, 'Status');
  if (status === 'Enabled' || status === 'Suspended') return status;
  throw malformedXml('Status has to be Enabled or Suspended');
}

export function renderVersioning(status: Versioning | null): string {
  return renderXml(s3Root('VersioningConfiguration', optional('Status', status ?? undefined)));
}
