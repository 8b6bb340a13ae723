// Owns DeleteKeyPair: as in EC2, deleting one that does not exist succeeds.

import { changeFor } from '../app/change.ts';
import { missingParameter } from '../app/refusals.ts';
import { KEY_PAIR, parseId } from '../app/resource-ids.ts';
import { listKeyPairs, deleteKeyPair as remove } from '../store/key-pairs.ts';
import { deleteTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteKeyPair: Ec2Handler<'DeleteKeyPair'> = async (app, context, input) => {
  const { KeyName, KeyPairId } = input;
  if (KeyName === undefined && KeyPairId === undefined) throw missingParameter('KeyName');
  const id = KeyPairId === undefined ? undefined : parseId(KEY_PAIR, KeyPairId, 'KeyPairId');
  const row = await changeFor(app, context, async ({ tx }) => {
    const rows = await listKeyPairs(tx, context.accountId);
    const found = rows.find((one) => (id === undefined ? one.name === KeyName : one.id === id));
    if (found === undefined) return undefined;
    await remove(tx, found.id);
    await deleteTags(tx, found.id);
    return found;
  });
  return { Return: true, KeyPairId: row?.id };
};
