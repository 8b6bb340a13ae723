// Owns what is said to an AoE target over its control socket.

import { askTarget, type TargetPlace } from '../guest-targets/control-line.ts';
import type { TargetStatus } from './control-server.ts';
import { type DiskAddress, type ExportSettings, renderSettings } from './export-settings.ts';

/** Serves exactly these disks. When it resolves, those that are gone answer nobody and nothing of theirs is under way. */
export function serveExports(
  place: TargetPlace,
  exports: readonly ExportSettings[],
): Promise<TargetStatus> {
  return askTarget(place, { verb: 'serve', exports: exports.map(renderSettings) });
}

/** Serves these besides those that are served already. Throws when what is behind one of them is not there. */
export function openExports(
  place: TargetPlace,
  exports: readonly ExportSettings[],
): Promise<TargetStatus> {
  return askTarget(place, { verb: 'open', exports: exports.map(renderSettings) });
}

/**
 * When it resolves nobody is answered there any more; with `revoke` those who were are told for a while that every
 * command of theirs fails.
 */
export function closeExport(
  place: TargetPlace,
  { shelf, slot }: DiskAddress,
  verb: 'close' | 'revoke',
): Promise<TargetStatus> {
  return askTarget(place, { verb, addresses: [{ shelf, slot }] });
}

export function readTargetStatus(place: TargetPlace): Promise<TargetStatus> {
  return askTarget(place, { verb: 'status' });
}
