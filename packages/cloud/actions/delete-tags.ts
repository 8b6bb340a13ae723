// Owns DeleteTags: a tag that is not there is no error; without tags all of them go.

import { changeFor } from '../app/change.ts';
import { missingParameter } from '../app/refusals.ts';
import { checkResources, tellGuest } from '../app/tagged-resources.ts';
import { refuseReserved } from '../app/tags.ts';
import { keepingBackendTag, refuseBackendTag } from '../app/volume-backends.ts';
import { deleteOwnTag, deleteOwnTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteTags: Ec2Handler<'DeleteTags'> = async (app, context, input) => {
  const ids = [...new Set(input.Resources ?? [])];
  if (ids.length === 0) throw missingParameter('ResourceId');
  const only = input.Tags ?? [];
  for (const { Key } of only) {
    if (Key === undefined) throw missingParameter('Tag.Key');
    refuseReserved(Key);
  }
  refuseBackendTag(
    ids,
    only.map((tag) => tag.Key),
  );
  await changeFor(app, context, async (change) => {
    await checkResources(change.tx, context, ids);
    for (const id of ids) {
      await keepingBackendTag(change.tx, context.accountId, id, async () => {
        const owned = { resourceId: id, accountId: context.accountId };
        if (only.length === 0) await deleteOwnTags(change.tx, owned);
        for (const { Key: key, Value: value } of only) {
          await deleteOwnTag(change.tx, owned, { key: key!, value });
        }
      });
      await tellGuest(change, id);
    }
  });
  return {};
};
