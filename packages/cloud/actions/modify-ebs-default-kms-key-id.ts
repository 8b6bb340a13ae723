// Owns ModifyEbsDefaultKmsKeyId: the account’s own key, in any of its names, is the only one there is.

import { changeFor } from '../app/change.ts';
import { parseKey } from '../app/encryption.ts';
import { changeEbsSettings } from '../store/ebs-settings.ts';
import type { Ec2Handler } from './handler.ts';

export const modifyEbsDefaultKmsKeyId: Ec2Handler<'ModifyEbsDefaultKmsKeyId'> = (
  app,
  context,
  input,
) =>
  changeFor(app, context, async ({ tx }) => {
    const { accountId } = context;
    const kmsKey = parseKey(app, accountId, input.KmsKeyId);
    await changeEbsSettings(tx, accountId, { kmsKey });
    return { KmsKeyId: kmsKey };
  });
