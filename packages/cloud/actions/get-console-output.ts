// Owns GetConsoleOutput.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { ConsoleOutput } from '@ironbark/protocol/internal/node-client.ts';
import type { App } from '../app/app.ts';
import { getInstance } from '../app/instances.ts';
import { INSTANCE, parseId } from '../app/resource-ids.ts';
import type { InstanceRow } from '../store/schema.ts';
import type { Ec2Handler } from './handler.ts';

export const getConsoleOutput: Ec2Handler<'GetConsoleOutput'> = async (app, context, input) => {
  const id = parseId(INSTANCE, input.InstanceId, 'InstanceId');
  const instance = await getInstance(app.store.query, context, id);
  const output = await findOutput(app, instance);
  if (output === undefined) return { InstanceId: id, Timestamp: new Date(app.clock.nowMs()) };
  return {
    InstanceId: id,
    Output: Buffer.from(output.bytes).toString('base64'),
    Timestamp: new Date(output.updatedAt),
  };
};

/** An instance that no node has, or has any more, has written nothing: EC2 answers without Output. */
async function findOutput(app: App, instance: InstanceRow): Promise<ConsoleOutput | undefined> {
  if (instance.nodeId === null || instance.terminatedAt !== null) return undefined;
  try {
    return await app.cluster.getConsoleOutput(instance.id);
  } catch (error) {
    if (isServiceError(error, 'not-found')) return undefined;
    throw error;
  }
}
