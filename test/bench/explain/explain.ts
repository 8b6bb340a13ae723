// Owns `npm run bench -- explain`: causes are planted one at a time, and what the lab's explanation names is held to them.

import { mkdtemp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import type { LabGuestFiles } from '@ironbark/images/lab/build-lab-guest.ts';
import { whyNoLabDisk } from '@ironbark/lab/disk/lab-requirements.ts';
import { LabGuest } from '@ironbark/lab/guest/lab-guest.ts';
import { selectNetworkRows } from '@ironbark/lab/matrix/select-rows.ts';
import { removeNameSpaces } from '@ironbark/lab/network/lab-network.ts';
import { runNetwork } from '@ironbark/lab/network/run-network.ts';
import { withHostRows } from '@ironbark/lab/run/host-rows.ts';
import { MEMORY_MIB, VCPUS } from '@ironbark/lab/run/machine.ts';
import { type RowResult, resultOf, type Taken } from '@ironbark/lab/run/row-result.ts';
import { type SampleContext, sampleGuest, sampleHost } from '@ironbark/lab/run/sample.ts';
import { openTargets, type Targets } from '@ironbark/lab/targets/targets.ts';
import { TESTBEDS, withSeeks } from '@ironbark/lab/testbeds.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { atLeast, type Figure } from '../../support/figures.ts';
import { clearFolder, onInterruption } from '../../support/interruption.ts';
import { builtLabGuest } from '../../support/lab-guest-files.ts';
import { underHardship } from './hardships.ts';
import { DISK_PLANTS, type DiskPlant, NETWORK_PLANTS, type NetworkPlant } from './plants.ts';

/** The design's: nine of ten. */
const FOUND_BAR = 0.9;
const SIZE_BYTES = 48 * MIB;
const SECONDS = 3;
/** Of guest and host in turns; the one in the middle is explained, as in a run. */
const ROUNDS = 3;

interface Found {
  plant: string;
  expected: string;
  named: string;
  sentence: string;
}

/** `wanted`: parts of the plants' names; all when empty. */
export async function measureExplanations(wanted: readonly string[]): Promise<Figure[]> {
  const why = await whyNoLabDisk();
  if (why !== undefined) throw new Error(why);
  const folder = await mkdtemp('/var/tmp/ironbark-explain-');
  using _held = onInterruption(async () => {
    await clearFolder(folder);
    await removeNameSpaces(systemCommands, basename(folder));
  });
  try {
    const files = await builtLabGuest();
    const found: Found[] = [];
    const isWanted = ({ name }: { name: string }) =>
      wanted.length === 0 || wanted.some((part) => name.includes(part));
    const disks = DISK_PLANTS.filter(isWanted);
    for (const seeks of [false, true]) {
      const plants = disks.filter((plant) => plant.seeks === seeks);
      if (plants.length > 0)
        found.push(...(await plantDisks(join(folder, `${seeks}`), files, plants)));
    }
    found.push(...(await plantNetwork(folder, files, NETWORK_PLANTS.filter(isWanted))));
    return figuresOf(found);
  } finally {
    await clearFolder(folder);
  }
}

function figuresOf(found: readonly Found[]): Figure[] {
  const isFound = ({ expected, named }: Found) => expected === named;
  for (const each of found.filter((one) => !isFound(one))) {
    console.error(`${each.plant}: ${each.named} was named. ${each.sentence}`);
  }
  const plants = [...new Set(found.map(({ plant }) => plant))];
  const share = (of: readonly Found[]) => of.filter(isFound).length / of.length;
  return [
    ...plants.map((plant) =>
      atLeast(`found: ${plant}`, share(found.filter((each) => each.plant === plant)), 0),
    ),
    atLeast('found of all that were planted', share(found), FOUND_BAR),
  ];
}

/** All of them on one disk, with its head or without. */
async function plantDisks(
  place: string,
  files: LabGuestFiles,
  plants: readonly DiskPlant[],
): Promise<Found[]> {
  const rows = withHostRows(plants.map(({ row }) => row));
  const configurations = [...new Set(rows.map(({ configuration }) => configuration))];
  const run = { commands: systemCommands, clock: systemClock, sizeBytes: SIZE_BYTES };
  const disk = plants[0]!.seeks ? withSeeks(TESTBEDS.slow.disk) : TESTBEDS.slow.disk;
  await using targets = await openTargets({
    ...{ ...run, folder: place, configurations, testbed: { disk, wire: undefined } },
  });
  const signal = new AbortController().signal;
  await using guest = await LabGuest.boot({
    ...{ ...run, signal, accelerator: 'tcg', folder: join(place, 'guest') },
    ...{ kernelPath: files.kernel, initrdPath: files.initrd },
    ...{ vcpus: VCPUS, memoryMib: MEMORY_MIB },
    disks: plants.map(({ row: { configuration } }, index) => ({
      serial: serialOf(index),
      source: targets.find(configuration)!.source!,
      profile: configuration.profile!,
      ...(configuration.limit === undefined ? {} : { limit: configuration.limit }),
    })),
  });
  const context = { ...run, seconds: SECONDS, tools: files.tools, signal, records: new Map() };
  const found: Found[] = [];
  for (const [index, plant] of plants.entries()) {
    const device = guest.deviceOf(serialOf(index))!;
    found.push(await tryDisk(context, targets, plant, { guest, device }));
  }
  return found;
}

function serialOf(index: number): string {
  return `lab${String(index).padStart(2, '0')}`;
}

async function tryDisk(
  context: SampleContext,
  targets: Targets,
  { name, expected, row, hardship }: DiskPlant,
  place: { guest: LabGuest; device: string },
): Promise<Found> {
  const [hostRow] = withHostRows([row]);
  const target = targets.find(row.configuration)!;
  const taken: Taken[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const host = await sampleHost(context, targets.find(hostRow!.configuration)!, hostRow!);
    const sample = await underHardship(place.guest, hardship, () =>
      sampleGuest(context, target, row, place),
    );
    taken.push({ sample, hostMbps: host.mbps });
  }
  const { explanation, ...result } = resultOf(row, taken, 'tcg');
  console.error(`${name}: ${renderNumbers(result)}`);
  return foundOf(name, expected, explanation);
}

/** As the recorded runs of the rules' tests have them. */
function renderNumbers({ mbps = 0, ratio = 1, ...result }: RowResult): string {
  const { requestSectors, queueDepth, utilisation, guestBusy, servingBusy, guestWaiting } = result;
  const seen = [requestSectors, queueDepth, utilisation, guestBusy, servingBusy, guestWaiting];
  return [mbps, mbps / ratio, ...seen].map((one) => (one ?? 0).toPrecision(3)).join(', ');
}

function foundOf(
  plant: string,
  expected: string,
  explanation: { cause?: { name: string } | undefined; sentence: string } | undefined,
): Found {
  const named = explanation?.cause?.name ?? 'no gap';
  const sentence = explanation?.sentence ?? '';
  console.error(`${plant}: ${named === expected ? 'found' : `NOT found, ${named}`}. ${sentence}`);
  return { plant, expected, named, sentence };
}

async function plantNetwork(
  folder: string,
  files: LabGuestFiles,
  plants: readonly NetworkPlant[],
): Promise<Found[]> {
  if (plants.length === 0) return [];
  const rows = selectNetworkRows({ quick: false, patterns: [] }).filter(({ id }) =>
    plants.some(({ rowId }) => rowId === id),
  );
  const { commands, clock } = { commands: systemCommands, clock: systemClock };
  const results = await runNetwork({
    ...{ commands, clock, rows, repeat: ROUNDS, seconds: SECONDS, tools: files.tools },
    ...{ folder: join(folder, 'network'), prefix: basename(folder) },
    ...{ wire: TESTBEDS.slow.wire, signal: new AbortController().signal, onProgress: () => {} },
    guest: {
      ...({ accelerator: 'tcg', engine: 'io_uring' } as const),
      ...{ kernelPath: files.kernel, initrdPath: files.initrd },
    },
  });
  return plants.map(({ name, expected, rowId }) => {
    const result = results.find(({ id }) => id === rowId);
    return foundOf(name, expected, result?.explanation ?? { sentence: result?.reason ?? '' });
  });
}
