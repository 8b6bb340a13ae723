// Owns the workload of a node's files: its intent, the records of its instances, their folders and root disks, and
// the image cache, through the node's own stores. The intent only grows newer; the rest comes and goes.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { createGuestFiles, type GuestFiles } from '@ironbark/node/app/guest-files.ts';
import { ImageCache } from '@ironbark/node/app/image-cache.ts';
import { instanceLayout } from '@ironbark/node/store/instance-layout.ts';
import { IntentStore } from '@ironbark/node/store/intent.ts';
import { listInstanceFolders, RecordStore } from '@ironbark/node/store/records.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { ensureDirectory, readFileIfPresent } from '@ironbark/platform/files.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { MemoryObjects } from '@ironbark/protocol/internal/testing/memory-objects.ts';
import { digestOf, ROOT_DISK_BYTES, storeImages, TEST_IMAGES } from './node-images.ts';
import type { Value } from './promises.ts';
import { type OpenWorkload, someOf, type WorkloadInput } from './workload.ts';

const NODE = 'node-power';
const INSTANCES = 6;
const INTENTS = 3;
const REMOVE_SHARE = 0.3;
/** Less than two images take up on the disk. */
const EVICTING_BYTES = 90_000;
/** The largest user data that EC2 takes, in base64. */
const MAX_USER_DATA = 21_848;

interface NodeFiles {
  dataDir: string;
  intents: IntentStore;
  records: RecordStore;
  guestFiles: GuestFiles;
  input: WorkloadInput;
}

export async function openNodeFiles(input: WorkloadInput): Promise<OpenWorkload> {
  const dataDir = join(input.folder, 'node');
  await ensureDirectory(dataDir);
  const intents = await IntentStore.open(dataDir, NODE);
  const records = await RecordStore.open(dataDir);
  const objects = new MemoryObjects();
  await storeImages(objects);
  // With two of them there, the third one has to evict.
  const limitBytes = TEST_IMAGES[0]!.unpackedBytes + EVICTING_BYTES;
  const images = await ImageCache.open({ dataDir, objects, clock: systemClock, limitBytes });
  const guestFiles = createGuestFiles({ dataDir, images, commands: systemCommands });
  const files = { dataDir, intents, records, guestFiles, input };
  return {
    read: () => readFiles(files),
    findFaults: async () => [
      ...(await findDamagedImages(dataDir)),
      ...(await findUnfinished(files)),
    ],
    write: async () => {
      const instances = Array.from(
        { length: INSTANCES },
        (_, n) => () => changeInstances(files, n),
      );
      return await someOf(input.random, [() => changeIntents(files), ...instances]);
    },
    script: async () => {
      // The first is written whole, the next are added to it.
      for (let n = 0; n < INTENTS; n++) await changeIntent(files);
      for (let n = 0; n < INSTANCES; n++) await changeInstance(files, n, n);
    },
  };
}

function idOf(digit: number): InstanceId {
  return `i-${String(digit).padStart(17, '0')}`;
}

function diskOf(id: InstanceId): string {
  return `disk of ${id}`;
}

async function readFiles(files: NodeFiles): Promise<Record<string, Value>> {
  const { dataDir, intents, records } = files;
  const values: Record<string, Value> = {};
  if (intents.generation > 0) values['intent'] = describe(intents.generation, intents.instances());
  for (const id of await listInstanceFolders(dataDir)) {
    // A folder without a record is what is left of a removal or a beginning.
    const record = records.find(id);
    if (record !== undefined) values[id] = record.startedAt ?? 'no start';
    const disk = await readFileIfPresent(instanceLayout(dataDir, id).rootDisk);
    if (disk !== undefined) values[diskOf(id)] = digestOf(disk);
  }
  return values;
}

function describe(generation: number, instances: readonly InstanceIntent[]): string {
  return `${generation} ${createHash('sha256').update(JSON.stringify(instances)).digest('hex')}`;
}

/** An image may be gone at any time, and is fetched again; one that is there has to be whole. */
async function findDamagedImages(dataDir: string): Promise<string[]> {
  const names = await readdir(join(dataDir, 'images'));
  const faults: string[] = [];
  for (const name of names) {
    const image = TEST_IMAGES.find((each) => each.fileName === name);
    if (image !== undefined) {
      const bytes = await readFile(join(dataDir, 'images', name));
      if (digestOf(bytes) !== image.unpackedSha256) faults.push(`image ${name} is damaged`);
    } else if (!names.includes(name.replace(/\.chunks$/, ''))) faults.push(`stray file ${name}`);
  }
  return faults;
}

/** Beside the instances' folders, whose owners begin anew or remove them. */
async function findUnfinished({ dataDir }: NodeFiles): Promise<string[]> {
  const names = await readdir(dataDir);
  return names.filter((name) => /\.(?:new|partial)$/.test(name)).map((name) => `stray ${name}`);
}

async function changeIntents(files: NodeFiles): Promise<never> {
  for (;;) await changeIntent(files);
}

async function changeIntent({ intents, input }: NodeFiles): Promise<void> {
  const generation = intents.generation + 1;
  const instances = Array.from({ length: INSTANCES }, (_, n) =>
    instanceIntent(n, generation, input.random.fraction() * MAX_USER_DATA),
  );
  const intent = { nodeId: NODE, generation, subnets: [], vpcs: [], instances } as const;
  const put = () => intents.put({ ...intent, subnets: [], vpcs: [] }, () => false);
  await input.promise({ intent: describe(generation, instances) }, put);
}

async function changeInstances(files: NodeFiles, digit: number): Promise<never> {
  for (let n = 0; ; n++) await changeInstance(files, digit, n);
}

/** Begins one, or gives the one that is there a root disk, changes its record, and now and then removes it. */
async function changeInstance(files: NodeFiles, digit: number, n: number): Promise<void> {
  const { records, guestFiles, input } = files;
  const id = idOf(digit);
  const value = `${input.session}.${n}`;
  if (records.find(id) === undefined) {
    await input.promise({ [id]: value }, async () => {
      await guestFiles.makeDirectory(id, undefined);
      await records.create({ ...newRecord(id), startedAt: value });
    });
    return;
  }
  const intent = instanceIntent(digit, 1, 0);
  const { hasRootDisk } = await guestFiles.observe(intent);
  if (!hasRootDisk) {
    const make = () => guestFiles.makeRootDisk(intent, undefined);
    await input.promise({ [diskOf(id)]: imageOf(digit).rootDiskSha256 }, make);
  }
  await input.promise({ [id]: value }, () => records.change(id, { startedAt: value }));
  if (input.random.fraction() >= REMOVE_SHARE) return;
  await input.promise({ [id]: null, [diskOf(id)]: null }, async () => {
    await guestFiles.removeDirectory(id);
    records.drop(id);
  });
}

function imageOf(digit: number) {
  return TEST_IMAGES[digit % TEST_IMAGES.length]!;
}

function newRecord(id: InstanceId) {
  return { id, slot: 0, reachedGeneration: 0, rebootsDone: 0, crashes: 0, nicProfiles: {} };
}

function instanceIntent(digit: number, generation: number, userDataLength: number): InstanceIntent {
  return {
    ...{ id: idOf(digit), generation, power: 'running', forceStop: false, rebootCount: 0 },
    ...{ vcpus: 1, memoryMib: 1, interfaces: [], volumes: [] },
    image: { id: 'ami-00000000000000000', root: imageOf(digit).blob },
    rootDisk: { sizeBytes: ROOT_DISK_BYTES, deviceName: '/dev/vda' },
    metadata: { userData: 'x'.repeat(userDataLength) },
  } as unknown as InstanceIntent;
}
