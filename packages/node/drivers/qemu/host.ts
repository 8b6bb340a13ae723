// Owns what the driver knows of its host: what was probed once, and the control groups of this data folder's guests.

import {
  type ControlGroups,
  groupNameFor,
  openControlGroups,
} from '@ironbark/platform/control-groups.ts';
import type { Enclosure } from '@ironbark/platform/enclosure.ts';
import { calibratedDisk, readIoCalibration } from '../../host/io-calibration.ts';
import type { DiskEngine } from './argv.ts';
import { type HostFacts, type ProbeContext, probeHost } from './probe.ts';

export interface Host extends Omit<HostFacts, 'enclosure'> {
  enclosure: Enclosure | undefined;
  controlGroups: ControlGroups;
  /** For people: what the host lacks for keeping guests apart from it. */
  isolationGaps: string[];
  /** How a disk that is opened now is opened: as was measured to be fastest, else the best of the probe. */
  engineNow(): Promise<DiskEngine>;
}

export async function lookAtHost(context: ProbeContext): Promise<Host> {
  const facts = await probeHost(context);
  const controlGroups = await openControlGroups(groupNameFor(context.dataDir), context.clock);
  await controlGroups.sweep();
  const { missing } = controlGroups;
  const isolationGaps = [
    ...facts.fingerprint.isolationGaps,
    ...(missing === undefined ? [] : [`guests are not limited: ${missing}`]),
  ];
  const { engine } = facts;
  const engineNow = async () => {
    const calibrated = await readIoCalibration(context.dataDir);
    return { ...engine, ...calibratedDisk(engine.aio, calibrated) };
  };
  return { ...facts, enclosure: facts.enclosure, controlGroups, isolationGaps, engineNow };
}
