// Owns who signed a form's policy: Signature Version 4 over the policy as it stands in the form, or Version 2.
// Source: AWS, "Browser-based uploads using POST (AWS signature version 4)".

import { createHmac } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { AccessKeyRecord } from '@ironbark/protocol/internal/identity-client.ts';
import {
  requireFresh,
  unknownAccessKey,
  wrongSignature,
} from '@ironbark/protocol/signature-errors.ts';
import { isSameSignature } from '@ironbark/protocol/sigv4/payload.ts';
import { ALGORITHM, hmacHex, signingKey } from '@ironbark/protocol/sigv4/signing-key.ts';
import type { ObjectsContext } from '../app/context.ts';

type Fields = ReadonlyMap<string, string>;

/** Undefined for a form without a policy: nobody has signed it. */
export async function findSigner(
  context: ObjectsContext,
  fields: Fields,
): Promise<AccessKeyRecord | undefined> {
  const policy = fields.get('policy');
  if (policy === undefined) {
    if (fields.has('signature') || fields.has('x-amz-signature')) throw missingField('policy');
    return undefined;
  }
  return fields.has('x-amz-algorithm') || fields.has('x-amz-signature')
    ? await verifyV4(context, fields, policy)
    : await verifyV2(context, fields, policy);
}

async function verifyV4(
  context: ObjectsContext,
  fields: Fields,
  policy: string,
): Promise<AccessKeyRecord> {
  const algorithm = requireField(fields, 'x-amz-algorithm');
  if (algorithm !== ALGORITHM) throw badField('x-amz-algorithm', algorithm);
  const credential = requireField(fields, 'x-amz-credential');
  const given = requireField(fields, 'x-amz-signature');
  const [accessKeyId = '', date = '', region = '', service = '', end] = credential.split('/');
  if (service !== 's3' || region !== context.region || end !== 'aws4_request') {
    throw badField('x-amz-credential', credential);
  }
  if (!requireField(fields, 'x-amz-date').startsWith(date)) throw badField('x-amz-date', date);
  const record = await findKey(context, accessKeyId);
  const key = signingKey(accessKeyId, record.secretAccessKey, { date, region, service });
  if (!isSameSignature(given, hmacHex(key, policy))) throw wrongSignature(accessKeyId);
  requireToken(record, fields);
  requireFresh(record, context.clock.nowMs());
  return record;
}

async function verifyV2(
  context: ObjectsContext,
  fields: Fields,
  policy: string,
): Promise<AccessKeyRecord> {
  const accessKeyId = requireField(fields, 'awsaccesskeyid');
  const given = requireField(fields, 'signature');
  if (!context.allowsSignatureV2) {
    throw new ServiceError({
      kind: 'unsupported',
      resource: 'signature',
      message: `The form is signed with Signature Version 2, which is not allowed here. Please use ${ALGORITHM}.`,
    });
  }
  const record = await findKey(context, accessKeyId);
  const expected = createHmac('sha1', record.secretAccessKey).update(policy).digest('base64');
  if (!isSameSignature(given, expected)) throw wrongSignature(accessKeyId);
  requireToken(record, fields);
  requireFresh(record, context.clock.nowMs());
  return record;
}

async function findKey(context: ObjectsContext, accessKeyId: string): Promise<AccessKeyRecord> {
  const record = await context.identity.findAccessKey(accessKeyId);
  if (record === undefined) throw unknownAccessKey(accessKeyId);
  return record;
}

function requireToken({ sessionToken = '' }: AccessKeyRecord, fields: Fields): void {
  if (isSameSignature(fields.get('x-amz-security-token') ?? '', sessionToken)) return;
  throw new ServiceError({
    kind: 'not-authenticated',
    resource: 'security-token',
    message: 'The security token included in the form is missing or does not belong to its key.',
  });
}

function requireField(fields: Fields, name: string): string {
  const value = fields.get(name);
  if (value === undefined || value === '') throw missingField(name);
  return value;
}

export function missingField(name: string): ServiceError {
  return new ServiceError({
    kind: 'missing-parameter',
    resource: 'form',
    message: `Bucket POST must contain a field named '${name}'.`,
    details: { ArgumentName: name },
  });
}

function badField(name: string, value: string): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'request',
    message: `The field ${name} does not have a value that is offered here.`,
    details: { ArgumentName: name, ArgumentValue: value.slice(0, 256) },
  });
}
