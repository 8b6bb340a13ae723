import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { InterfaceId, VolumeId } from '@ironbark/core/ids.ts';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import type {
  InstanceIntent,
  InterfaceIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { InstanceRecord } from '../store/records.ts';
import { instanceIntent } from '../testing/instance-intent.ts';
import { type ObservedInstance, planInstance, STOP_GRACE_MS } from './plan-instance.ts';

const NOW = 1_000_000_000;
const [FIRST] = instanceIntent().interfaces as [InterfaceIntent];
const NIC = FIRST.id;
const OTHER_NIC: InterfaceId = 'eni-00000000000000002';
const VOLUME: VolumeId = 'vol-0123456789abcdef0';
const KERNEL = instanceIntent().image.root!;

function record(changes: Partial<InstanceRecord> = {}): InstanceRecord {
  const { id } = instanceIntent();
  const counts = { reachedGeneration: 0, rebootsDone: 0, crashes: 0 };
  return { id, slot: 1, ...counts, nicProfiles: {}, ...changes };
}

const NOTHING: ObservedInstance = {
  hasDirectory: false,
  guest: 'none',
  isResumable: false,
  hasBootFiles: false,
  hasRootDisk: false,
  isImageCached: false,
  ports: [],
  strayPorts: [],
  volumes: [],
  cutOff: [],
  short: [],
  guestVolumes: [],
};

const ports = { ports: [NIC] as InterfaceId[], strayPorts: [NIC] as InterfaceId[] };

function up(changes: Partial<ObservedInstance> = {}): ObservedInstance {
  const files = { hasDirectory: true, hasBootFiles: true, hasRootDisk: true, isImageCached: true };
  return { ...NOTHING, ...files, ...ports, record: record(), guest: 'running', ...changes };
}

function down(changes: Partial<ObservedInstance> = {}): ObservedInstance {
  return up({ guest: 'none', ports: [], strayPorts: [], ...changes });
}

const withVolume = instanceIntent({
  volumes: [
    {
      volumeId: VOLUME,
      deviceName: '/dev/sdf',
      sizeBytes: 1 << 30,
      source: { kind: 'nbd-unix', socketPath: '/x', exportName: 'v' },
      profile: DIRECT,
    },
  ],
});
const { root: _root, ...noRoot } = instanceIntent().image;
const withRootVolume = instanceIntent({
  image: noRoot,
  rootDisk: { ...instanceIntent().rootDisk, volumeId: VOLUME },
  volumes: withVolume.volumes,
});
const withKernel = instanceIntent({ image: { ...instanceIntent().image, kernel: KERNEL } });
const SECOND = { ...FIRST, id: OTHER_NIC, deviceIndex: 1 };
const withCards = instanceIntent({ interfaces: [FIRST, SECOND] });
const stopped = instanceIntent({ power: 'stopped' });
const terminated = instanceIntent({ power: 'terminated' });

interface Case {
  name: string;
  desired: InstanceIntent;
  observed: ObservedInstance;
  steps: string[];
}

const cases: Case[] = [
  {
    name: 'a new instance is made from nothing',
    desired: instanceIntent(),
    observed: NOTHING,
    steps: ['make-directory', 'fetch-image', 'make-root-disk', 'start'],
  },
  {
    name: 'a kernel is linked before the start',
    desired: withKernel,
    observed: { ...NOTHING, isImageCached: true },
    steps: ['make-directory', 'link-boot-files', 'make-root-disk', 'start'],
  },
  {
    name: 'a stopped instance starts from its own disk, without the image',
    desired: instanceIntent(),
    observed: down({ isImageCached: false }),
    steps: ['start'],
  },
  {
    name: 'a new instance whose root disk is a volume has none to make, and is started with it',
    desired: withRootVolume,
    observed: { ...NOTHING, hasRootDisk: true },
    steps: ['make-directory', 'start'],
  },
  {
    name: 'a running guest keeps its root disk, whatever it is said to have',
    desired: { ...withRootVolume, volumes: [] },
    observed: up({ volumes: [VOLUME] }),
    steps: [],
  },
  { name: 'a running guest needs nothing', desired: instanceIntent(), observed: up(), steps: [] },
  {
    name: 'after a restart of the daemon the ports of a running guest are ensured again',
    desired: instanceIntent(),
    observed: up({ ports: [] }),
    steps: ['ensure-port'],
  },
  {
    name: 'a card that comes gets its port when it is plugged, one that is there before',
    desired: withCards,
    observed: up({ ports: [], nics: [NIC] }),
    steps: ['ensure-port', 'plug-nic'],
  },
  {
    name: 'a card that is taken by force loses its port before the guest is asked for it',
    desired: { ...instanceIntent(), cutInterfaces: [OTHER_NIC] },
    observed: up({ nics: [NIC, OTHER_NIC], strayPorts: [OTHER_NIC] }),
    steps: ['cut-nic'],
  },
  {
    name: 'the guest is asked for what is left of a card that was taken by force',
    desired: instanceIntent(),
    observed: up({ nics: [NIC, OTHER_NIC] }),
    steps: ['unplug-nic'],
  },
  {
    name: 'a card that was taken by force and comes again is out of the guest before',
    desired: withCards,
    observed: up({ nics: [NIC, OTHER_NIC] }),
    steps: ['unplug-nic'],
  },
  {
    name: 'a port that was to be removed is gone before the start, which would forget it',
    desired: instanceIntent(),
    observed: down({ strayPorts: [NIC, OTHER_NIC] }),
    steps: ['remove-port', 'start'],
  },
  { name: 'a volume is plugged', desired: withVolume, observed: up(), steps: ['plug-volume'] },
  {
    name: 'a volume that is not wanted is unplugged before others are plugged',
    desired: withVolume,
    observed: up({ volumes: ['vol-1'] }),
    steps: ['unplug-volume', 'plug-volume'],
  },
  {
    name: 'a volume that the guest sees too short grows, after others are plugged',
    desired: {
      ...withVolume,
      volumes: [...withVolume.volumes, { ...withVolume.volumes[0]!, volumeId: 'vol-2' }],
    },
    observed: up({ volumes: [VOLUME], short: [VOLUME] }),
    steps: ['plug-volume', 'grow-volume'],
  },
  {
    name: 'not of a guest that does not answer',
    desired: withVolume,
    observed: up({ guest: 'silent', volumes: [VOLUME], short: [VOLUME] }),
    steps: ['wait until 10000'],
  },
  {
    name: 'a guest is led back to a volume that was started again, before anything else',
    desired: instanceIntent(),
    observed: up({ volumes: [VOLUME], cutOff: [VOLUME] }),
    steps: ['reconnect-volume', 'unplug-volume'],
  },
  {
    name: 'also one that shall stop: what it has to write waits for its volume',
    desired: stopped,
    observed: up({ volumes: [VOLUME], cutOff: [VOLUME] }),
    steps: ['reconnect-volume', 'ask-to-stop', 'wait until 5000', 'remove-port'],
  },
  {
    name: 'also one that is paused',
    desired: withVolume,
    observed: up({ guest: 'paused', volumes: [VOLUME], cutOff: [VOLUME] }),
    steps: ['reconnect-volume'],
  },
  {
    name: 'a paused guest is left as it is',
    desired: withVolume,
    observed: up({ guest: 'paused' }),
    steps: [],
  },
  {
    name: 'a guest that waits for room is resumed',
    desired: instanceIntent(),
    observed: up({ guest: 'paused', isResumable: true }),
    steps: ['resume'],
  },
  {
    name: 'a hypervisor that does not answer is told nothing',
    desired: instanceIntent({ rebootCount: 1 }),
    observed: up({ guest: 'silent' }),
    steps: ['wait until 10000'],
  },
  {
    name: 'a hypervisor that does not answer may do so in the time of a stop',
    desired: stopped,
    observed: up({ guest: 'silent' }),
    steps: ['ask-to-stop', 'wait until 5000', 'remove-port'],
  },
  {
    name: 'a guest that powered itself off is noted, ended and not started again',
    desired: instanceIntent(),
    observed: up({ guest: 'off' }),
    steps: ['note-self-stop', 'destroy', 'remove-port'],
  },
  {
    name: 'a guest that powered itself off stays off while the intent is the same',
    desired: instanceIntent({ generation: 7 }),
    observed: down({ record: record({ selfStoppedGeneration: 7 }) }),
    steps: [],
  },
  {
    name: 'a guest that powered itself off starts under a newer intent',
    desired: instanceIntent({ generation: 8 }),
    observed: down({ record: record({ selfStoppedGeneration: 7 }) }),
    steps: ['start'],
  },
  {
    name: 'a guest that went off at our request and is wanted again starts again',
    desired: instanceIntent(),
    observed: up({ guest: 'off', record: record({ stopAskedAtMs: NOW - 1 }) }),
    steps: ['destroy', 'start'],
  },
  {
    name: 'a lost guest is noted and started again',
    desired: instanceIntent(),
    observed: up({ guest: 'lost' }),
    steps: ['note-crash', 'start'],
  },
  {
    name: 'the first crash is repaired at once',
    desired: instanceIntent(),
    observed: down({ record: record({ crashes: 1, crashedAtMs: NOW }) }),
    steps: ['start'],
  },
  {
    name: 'a guest that keeps crashing waits',
    desired: instanceIntent(),
    observed: down({ record: record({ crashes: 5, crashedAtMs: NOW }) }),
    steps: ['wait until 8000'],
  },
  {
    name: 'and is started after its time',
    desired: instanceIntent(),
    observed: down({ record: record({ crashes: 5, crashedAtMs: NOW - 8_000 }) }),
    steps: ['start'],
  },
  {
    name: 'a crash from before the host restarted delays nothing',
    desired: instanceIntent(),
    observed: down({ record: record({ crashes: 5, crashedAtMs: NOW + 1 }) }),
    steps: ['start'],
  },
  {
    name: 'asking from before the host restarted is no asking',
    desired: stopped,
    observed: up({ record: record({ stopAskedAtMs: NOW + 1, lastAskedAtMs: NOW + 1 }) }),
    steps: ['ask-to-stop', 'wait until 5000', 'remove-port'],
  },
  {
    name: 'a stop asks first',
    desired: stopped,
    observed: up(),
    steps: ['ask-to-stop', 'wait until 5000', 'remove-port'],
  },
  {
    name: 'a stop waits after asking',
    desired: stopped,
    observed: up({ record: record({ stopAskedAtMs: NOW - 1_000, lastAskedAtMs: NOW - 1_000 }) }),
    steps: ['wait until 4000', 'remove-port'],
  },
  {
    name: 'a stop asks again',
    desired: stopped,
    observed: up({ record: record({ stopAskedAtMs: NOW - 9_000, lastAskedAtMs: NOW - 6_000 }) }),
    steps: ['ask-to-stop', 'wait until 5000', 'remove-port'],
  },
  {
    name: 'a guest that ignores the stop is destroyed when its time is up',
    desired: stopped,
    observed: up({ record: record({ stopAskedAtMs: NOW - STOP_GRACE_MS }) }),
    steps: ['destroy', 'remove-port'],
  },
  {
    name: 'a forced stop does not ask',
    desired: instanceIntent({ power: 'stopped', forceStop: true }),
    observed: up(),
    steps: ['destroy', 'remove-port'],
  },
  {
    name: 'a guest that went off for a stop is destroyed',
    desired: stopped,
    observed: up({ guest: 'off', record: record({ stopAskedAtMs: NOW - 1 }) }),
    steps: ['destroy', 'remove-port'],
  },
  { name: 'a stopped instance needs nothing', desired: stopped, observed: down(), steps: [] },
  { name: 'one that never ran needs nothing', desired: stopped, observed: NOTHING, steps: [] },
  {
    name: 'a reboot asks first',
    desired: instanceIntent({ rebootCount: 1 }),
    observed: up(),
    steps: ['ask-to-reboot', 'wait until 5000'],
  },
  {
    name: 'a guest that went off for a reboot is reset',
    desired: instanceIntent({ rebootCount: 1 }),
    observed: up({ guest: 'off', record: record({ rebootAskedAtMs: NOW - 1 }) }),
    steps: ['reset'],
  },
  {
    name: 'a guest that ignores the reboot is reset when its time is up',
    desired: instanceIntent({ rebootCount: 1 }),
    observed: up({ record: record({ rebootAskedAtMs: NOW - STOP_GRACE_MS }) }),
    steps: ['reset'],
  },
  {
    name: 'reboots that are done are not done again',
    desired: instanceIntent({ rebootCount: 3 }),
    observed: up({ record: record({ rebootsDone: 3 }) }),
    steps: [],
  },
  {
    name: 'a stop that was taken back and ignored is forgotten',
    desired: instanceIntent(),
    observed: up({ record: record({ stopAskedAtMs: NOW - STOP_GRACE_MS }) }),
    steps: ['forget-asking'],
  },
  {
    name: 'a terminated instance goes with everything it has',
    desired: terminated,
    observed: up(),
    steps: ['destroy', 'remove-port', 'remove-directory'],
  },
  {
    name: 'a terminated guest with volumes may write out what it holds',
    desired: terminated,
    observed: up({ volumes: [VOLUME] }),
    steps: ['ask-to-stop', 'wait until 5000', 'remove-port', 'remove-directory'],
  },
  {
    name: 'a half-made folder goes too',
    desired: terminated,
    observed: { ...NOTHING, hasDirectory: true },
    steps: ['remove-directory'],
  },
  {
    name: 'a terminated one that is gone is done',
    desired: terminated,
    observed: NOTHING,
    steps: [],
  },
];

describe('the plan of an instance', () => {
  for (const { name, desired, observed, steps } of cases) {
    test(name, () => {
      const plan = planInstance(desired, observed, NOW).map((step) =>
        step.kind === 'wait' ? `wait until ${step.untilMs - NOW}` : step.kind,
      );
      assert.deepEqual(plan, steps);
    });
  }
});
