// Owns noting that an instance's node has plugged interfaces in, or taken them out.

import type { App } from '../app/app.ts';
import { change } from '../app/change.ts';
import type { InstanceRows } from '../app/instance-intent.ts';
import { parseObservation } from '../app/instance-outcome.ts';
import { followInterfaces, planAttachment } from '../app/interface-attachments.ts';

/** False when there is nothing to note. */
export async function stepInterfaces(
  app: App,
  { instance, interfaces }: Pick<InstanceRows, 'instance' | 'interfaces'>,
): Promise<boolean> {
  const observation = parseObservation(instance);
  const due = interfaces.filter((row) => planAttachment(row, instance, observation) !== 'none');
  if (due.length === 0) return false;
  const note = () => change(app, (inside) => followInterfaces(inside, instance.id));
  await app.aroundStep('interface-attachments/note', note);
  return true;
}
