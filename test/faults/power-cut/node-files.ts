// Owns the workload of a node's files: its intent, the records of its instances and their folders, through the
// node's own stores. The intent only grows newer; records change and go with their folders.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { makeDirectory, removeDirectory } from '@ironbark/node/app/guest-files.ts';
import { IntentStore } from '@ironbark/node/store/intent.ts';
import { listInstanceFolders, RecordStore } from '@ironbark/node/store/records.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { Value } from './promises.ts';
import { type OpenWorkload, someOf, type WorkloadInput } from './workload.ts';

const NODE = 'node-power';
const INSTANCES = 6;
const REMOVE_SHARE = 0.2;
/** The largest user data that EC2 takes, in base64. */
const MAX_USER_DATA = 21_848;

interface NodeFiles {
  dataDir: string;
  intents: IntentStore;
  records: RecordStore;
  input: WorkloadInput;
}

export async function openNodeFiles(input: WorkloadInput): Promise<OpenWorkload> {
  const dataDir = join(input.folder, 'node');
  await ensureDirectory(dataDir);
  const intents = await IntentStore.open(dataDir, NODE);
  const records = await RecordStore.open(dataDir);
  const files = { dataDir, intents, records, input };
  return {
    read: () => readFiles(files),
    write: async () => {
      const instances = Array.from(
        { length: INSTANCES },
        (_, n) => () => changeRecords(files, idOf(n)),
      );
      return await someOf(input.random, [() => changeIntent(files), ...instances]);
    },
  };
}

function idOf(digit: number): InstanceId {
  return `i-${String(digit).padStart(17, '0')}`;
}

async function readFiles({ dataDir, intents, records }: NodeFiles): Promise<Record<string, Value>> {
  const values: Record<string, Value> = {};
  if (intents.generation > 0) values['intent'] = describe(intents.generation, intents.instances());
  for (const id of await listInstanceFolders(dataDir)) {
    // A folder without a record is what is left of a removal or a beginning.
    const record = records.find(id);
    if (record !== undefined) values[id] = record.startedAt ?? 'no start';
  }
  return values;
}

function describe(generation: number, instances: readonly InstanceIntent[]): string {
  return `${generation} ${createHash('sha256').update(JSON.stringify(instances)).digest('hex')}`;
}

async function changeIntent({ intents, input }: NodeFiles): Promise<never> {
  for (;;) {
    const generation = intents.generation + 1;
    const instances = Array.from({ length: INSTANCES }, (_, n) =>
      instanceIntent(idOf(n), generation, input.random.fraction() * MAX_USER_DATA),
    );
    const intent = { nodeId: NODE, generation, subnets: [], instances } as const;
    const put = () => intents.put({ ...intent, subnets: [] }, () => false);
    await input.promise({ intent: describe(generation, instances) }, put);
  }
}

async function changeRecords(files: NodeFiles, id: InstanceId): Promise<never> {
  const { dataDir, records, input } = files;
  for (let n = 0; ; n++) {
    const value = `${input.session}.${n}`;
    if (records.find(id) === undefined) {
      await input.promise({ [id]: value }, async () => {
        await makeDirectory(dataDir, id, undefined);
        await records.create({ ...newRecord(id), startedAt: value });
      });
    } else if (input.random.fraction() < REMOVE_SHARE) {
      await input.promise({ [id]: null }, async () => {
        await removeDirectory(dataDir, id);
        records.drop(id);
      });
    } else await input.promise({ [id]: value }, () => records.change(id, { startedAt: value }));
  }
}

function newRecord(id: InstanceId) {
  return { id, slot: 0, reachedGeneration: 0, rebootsDone: 0, crashes: 0, nicProfiles: {} };
}

function instanceIntent(
  id: InstanceId,
  generation: number,
  userDataLength: number,
): InstanceIntent {
  const blob = { bucket: 'b', key: 'k', sizeBytes: 1, sha256: '', unpackedBytes: 1 } as const;
  return {
    ...{ id, generation, power: 'running', forceStop: false, rebootCount: 0 },
    ...{ vcpus: 1, memoryMib: 1, interfaces: [], volumes: [] },
    image: { id: 'ami-00000000000000000', root: { ...blob, encoding: 'raw' } },
    rootDisk: { sizeBytes: 1, deviceName: '/dev/vda' },
    metadata: { userData: 'x'.repeat(userDataLength) },
  } as unknown as InstanceIntent;
}
