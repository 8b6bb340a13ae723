// Owns which of the host's own rows a guest's row is held against. Pure.

import type { MatrixRow } from '../matrix/configuration.ts';
import { MATRIX } from '../matrix/matrix.ts';
import { rowsOf } from '../matrix/select-rows.ts';
import { WORKLOADS } from '../workloads/workload.ts';

/** The host's own access that a row is held against: a file is held against the disk that it is on, as in the paper. */
export function hostKeyOf({ configuration: { target }, direction, workload }: MatrixRow): string {
  const base = target.startsWith('volume') ? 'volume' : 'local';
  return `${base}/${direction}/${workload}`;
}

/** Those of the host's own that the others are held against come first. */
export function withHostRows(rows: readonly MatrixRow[]): MatrixRow[] {
  const wanted = new Set(
    rows.filter(({ configuration }) => configuration.vmm === 'guest').map(hostKeyOf),
  );
  const hosts = MATRIX.filter(({ vmm }) => vmm === 'none').flatMap((each) =>
    rowsOf(each, WORKLOADS),
  );
  const missing = hosts.filter(
    (host) => wanted.has(hostKeyOf(host)) && !rows.some(({ id }) => id === host.id),
  );
  return [...missing, ...rows];
}
