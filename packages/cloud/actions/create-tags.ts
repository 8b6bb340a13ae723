// Owns CreateTags.

import { changeFor } from '../app/change.ts';
import { missingParameter } from '../app/refusals.ts';
import { checkResources, tellGuest } from '../app/tagged-resources.ts';
import { parseTags, setTags } from '../app/tags.ts';
import { refuseBackendTag } from '../app/volume-backends.ts';
import type { Ec2Handler } from './handler.ts';

export const createTags: Ec2Handler<'CreateTags'> = async (app, context, input) => {
  const ids = [...new Set(input.Resources ?? [])];
  const tags = parseTags(input.Tags);
  if (ids.length === 0) throw missingParameter('ResourceId');
  if (tags.length === 0) throw missingParameter('Tag');
  refuseBackendTag(
    ids,
    tags.map(({ key }) => key),
  );
  await changeFor(app, context, async (change) => {
    await checkResources(change.tx, context, ids);
    for (const id of ids) {
      await setTags(change.tx, context.accountId, id, tags);
      await tellGuest(change, id);
    }
  });
  return {};
};
