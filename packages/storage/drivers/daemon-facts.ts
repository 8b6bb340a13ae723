// Owns what is seen of a storage daemon that runs.

import type { QmpClient } from '@ironbark/platform/qmp.ts';
import type { TargetFacts } from '@ironbark/protocol/internal/block-target.ts';
import { readFill } from './daemon-fill.ts';
import {
  isReadable,
  listExports,
  listForHosts,
  listFrozenPoints,
  VOLUME_EXPORT,
} from './daemon-graph.ts';
import { LIMITED_NODE, readDiskSize, readLimits } from './daemon-limits.ts';
import type { ExportSocket } from './export-sockets.ts';
import { openingsIn } from './shared-exports.ts';

/** `socket`: at which hosts find it, if there is one. */
export async function readFacts(
  qmp: QmpClient,
  socket: ExportSocket | undefined,
): Promise<TargetFacts> {
  const exports = await listExports(qmp);
  const sizeBytes = await readDiskSize(qmp);
  const limits = isLimited(exports) ? await readLimits(qmp) : undefined;
  const fill = await readFill(qmp);
  return {
    running: true,
    ...(fill === undefined ? {} : { fill }),
    exported: exports.has(VOLUME_EXPORT) && socket !== undefined,
    ...(socket?.opening === undefined ? {} : { opening: socket.opening }),
    ...openingsIn(exports),
    frozen: (await listFrozenPoints(qmp)).filter(isReadable).map((point) => point.snapshotId),
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(limits === undefined ? {} : { limits }),
  };
}

function isLimited(exports: ReadonlyMap<string, string>): boolean {
  const forHosts = listForHosts(exports.keys());
  return forHosts.length > 0 && forHosts.every((id) => exports.get(id) === LIMITED_NODE);
}
