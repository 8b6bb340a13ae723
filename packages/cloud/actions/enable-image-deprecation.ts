// Owns EnableImageDeprecation: from that moment on others are shown the image only if they ask for it.

import { changeFor } from '../app/change.ts';
import { getImage } from '../app/images.ts';
import { invalidValue } from '../app/refusals.ts';
import { IMAGE, parseId } from '../app/resource-ids.ts';
import { updateImage } from '../store/images.ts';
import type { Ec2Handler } from './handler.ts';

const MINUTE_MS = 60_000;
/** "The upper limit for this value is 10 years from now": API reference of EnableImageDeprecation. */
const MAX_YEARS = 10;

export const enableImageDeprecation: Ec2Handler<'EnableImageDeprecation'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(IMAGE, input.ImageId, 'ImageId');
  const nowMs = app.clock.nowMs();
  const deprecatedAt = readTime(input.DeprecateAt!, nowMs);
  await changeFor(app, context, async ({ tx }) => {
    await getImage(tx, context.accountId, id);
    await updateImage(tx, id, { deprecatedAt });
  });
  return { Return: true };
};

/** Seconds are rounded to the nearest minute, as AWS does it. */
function readTime(at: Date, nowMs: number): number {
  const deprecatedAt = Math.round(at.getTime() / MINUTE_MS) * MINUTE_MS;
  const latest = new Date(nowMs);
  latest.setUTCFullYear(latest.getUTCFullYear() + MAX_YEARS);
  if (at.getTime() < nowMs) {
    throw invalidValue('DeprecateAt', at.toISOString(), 'It has to be in the future.');
  }
  if (at.getTime() > latest.getTime()) {
    throw invalidValue('DeprecateAt', at.toISOString(), 'It is at most 10 years from now.');
  }
  return deprecatedAt;
}
