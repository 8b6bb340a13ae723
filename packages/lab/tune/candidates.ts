// Owns what a calibration measures: every engine of QEMU behind today's default disk, with small requests, which engines
// differ in, and the host's own rates. Pure.

import { DIRECT } from '@ironbark/core/io-profile.ts';
import type { MatrixRow } from '../matrix/configuration.ts';
import { MATRIX } from '../matrix/matrix.ts';
import { rowsOf } from '../matrix/select-rows.ts';

/** In order, where all engines are alike, the device itself is measured, by the host. */
export const HOST_WORKLOAD = 'direct';
/** Where what a request costs counts. */
export const GUEST_WORKLOAD = 'fio-random-qd16';

export function calibrationRows(): MatrixRow[] {
  const host = MATRIX.filter(({ vmm, target }) => vmm === 'none' && target === 'local-disk');
  const guests = MATRIX.filter(({ target, profile, limit }) => {
    if (target !== 'local-disk' || profile === undefined || limit !== undefined) return false;
    const { bus, cache, iothread, optimalIoBytes } = profile;
    return (
      bus === DIRECT.bus &&
      cache === DIRECT.cache &&
      iothread &&
      optimalIoBytes === DIRECT.optimalIoBytes
    );
  });
  return [
    ...host.flatMap((each) => rowsOf(each, [HOST_WORKLOAD])),
    ...guests.flatMap((each) => rowsOf(each, [GUEST_WORKLOAD])),
  ];
}
