// Owns what a run of the lab measures on: a named testbed, and how much is moved there so that a transfer takes seconds.

import { MIB } from '@ironbark/core/units.ts';
import { labTestbed, type Testbed, type TestbedName } from '../testbeds.ts';

export interface LabProfile {
  name: string;
  testbed: Testbed;
  /** Bytes of a transfer, with `--quick` and without. */
  sizes: { quick: number; whole: number };
  /** For which a quick run measures again what is not settled; its first round takes what it takes. */
  quickSeconds: number;
}

export const PROFILE_NAMES: readonly TestbedName[] = ['slow', 'paper', 'native'];

/** Seconds' worth of each disk, so that what starts and ends a transfer is a small part of it. */
const SIZES: Readonly<Record<TestbedName, LabProfile['sizes']>> = {
  slow: { quick: 48 * MIB, whole: 128 * MIB },
  paper: { quick: 96 * MIB, whole: 512 * MIB },
  native: { quick: 128 * MIB, whole: 512 * MIB },
};

/** Beside it there are the guest's making and the round that is under way: under 10 minutes for the paper's, else 3. */
export const QUICK_SECONDS: Readonly<Record<TestbedName, number>> = {
  slow: 120,
  paper: 530,
  native: 120,
};

export function isProfileName(name: string): name is TestbedName {
  return PROFILE_NAMES.some((known) => known === name);
}

export function namedProfile(name: TestbedName): LabProfile {
  return {
    ...{ name, testbed: labTestbed(name), sizes: SIZES[name] },
    quickSeconds: QUICK_SECONDS[name],
  };
}
