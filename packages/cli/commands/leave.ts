// Owns `ironbark leave`: a host stops being a node, at its front end and then here.

import { isServiceError } from '@ironbark/core/errors.ts';
import { openCallClient } from '@ironbark/platform/http/call-client.ts';
import { dialFront } from '@ironbark/platform/http/tls-listener.ts';
import { findConfig, type JoinedConfig, renderFront } from '../cloud-config.ts';
import type { CliContext } from '../context.ts';
import { readNodeIdentity } from '../daemon/node-identity.ts';
import { dataPaths } from '../daemon/paths.ts';
import { Problem } from '../problem.ts';
import { stopCloud } from './down.ts';
import { removeData } from './purge.ts';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

export async function leaveCloud(context: CliContext, options: { force: boolean }): Promise<void> {
  const { terminal, dataDir } = context;
  const joined = (await findConfig(dataDir))?.joined;
  if (joined === undefined) {
    throw new Problem(`${dataDir} holds no node of a cloud elsewhere`, ['nothing was changed']);
  }
  const at = renderFront(joined.front);
  const wasTold = await terminal.step(`Leaving the cloud at ${at}`, () =>
    tellFront(context, joined, options),
  );
  await stopCloud(context, { keepGuests: false });
  await terminal.step(`Removing ${dataDir}`, () => removeData(context));
  terminal.result({ left: at, dataDir }, () =>
    wasTold
      ? `This host is no node of ${at} any more.`
      : `Removed ${dataDir}. The front end does not know; there: ironbark nodes remove ${joined.name}`,
  );
}

/** False: it could not be told, and this host leaves all the same. */
async function tellFront(
  { clock, self, dataDir }: CliContext,
  { front, name }: JoinedConfig,
  { force }: { force: boolean },
): Promise<boolean> {
  const identity = await readNodeIdentity(dataPaths(dataDir).nodeIdentity);
  const dialled = { ...front, ...identity, protocol: 'http/1.1', timeoutMs: TIMEOUT_MS, clock };
  const limits = { clock, timeoutMs: TIMEOUT_MS, maxAnswerBytes: MAX_ANSWER_BYTES };
  using calls = openCallClient({ dial: () => dialFront(dialled), ...limits });
  try {
    const { isNode } = (await calls.call('hello')) as { isNode: boolean };
    // Removed there before: there is nothing to tell.
    if (isNode) await calls.call('leave');
    return true;
  } catch (error) {
    if (force) return false;
    const reason = error instanceof Error ? error.message : String(error);
    throw isServiceError(error, 'in-use')
      ? new Problem(reason, [
          `on the front end: ironbark nodes drain ${name}, and terminate what runs there`,
        ])
      : new Problem(`the front end cannot be told: ${reason}`, [
          `to leave without: ${self} leave --force; its instances here are lost then`,
        ]);
  }
}
