// Owns the list of every step that a reconciler can take. The plans' own types make it complete: a new kind of step
// does not compile until it is here, and what is here has to be met by a scenario.

import type { AttachmentStep } from '@ironbark/cloud/app/attachment-plan.ts';
import type { ImageStep } from '@ironbark/cloud/app/image-plan.ts';
import type { Outcome } from '@ironbark/cloud/app/instance-outcome.ts';
import type { ModificationStep } from '@ironbark/cloud/app/modification-plan.ts';
import type { TerminationStep } from '@ironbark/cloud/reconcilers/instance-termination.ts';
import type { SnapshotStep as SnapshotTalk } from '@ironbark/cloud/reconcilers/snapshot.ts';
import type { VolumeStep as VolumeTalk } from '@ironbark/cloud/reconcilers/volume.ts';
import type { Step as InstanceStep } from '@ironbark/node/reconcilers/plan-instance.ts';
import type { SnapshotStep } from '@ironbark/storage/reconcilers/plan-snapshot.ts';
import type { VolumeStep } from '@ironbark/storage/reconcilers/plan-volume.ts';

/** True: a scenario meets it. A sentence: why none can, and where it is tested instead. */
type Covered = true | string;
type Kinds<Kind extends string> = Readonly<Record<Kind, Covered>>;

const NO_IMAGE = 'simulated guests have no image; packages/node/app and test/vm fetch real ones';

const NO_CARDS =
  'users of the simulation attach no interfaces; packages/node/reconcilers/instance.test.ts fails them';

const WRITTEN =
  'users of the simulation write to volumes only; test/faults/written-snapshots.test.ts fails them';
const NO_LAYERS =
  'simulated targets fill a volume before it is ready; packages/storage/lazy-fill.test.ts has real ones';

const NO_CEPH =
  'the simulation has files alone; packages/storage/storage-points.test.ts fails them, faults -- ceph has real ones';

const INSTANCE: Kinds<Exclude<InstanceStep['kind'], 'wait'>> = {
  'make-directory': true,
  'fetch-image': NO_IMAGE,
  'link-boot-files': NO_IMAGE,
  'make-root-disk': true,
  'ensure-port': true,
  'plug-nic': NO_CARDS,
  'unplug-nic': NO_CARDS,
  'cut-nic': NO_CARDS,
  start: true,
  resume: 'simulated guests never wait for room; the tests of packages/node pause one',
  'plug-volume': true,
  'unplug-volume': true,
  'grow-volume': true,
  'serve-volume': true,
  'ask-for-volume': true,
  'close-volume': true,
  'reconnect-volume': 'simulated disks have no target to lose; test/vm ends a real one',
  'ask-to-stop': true,
  'ask-to-reboot': true,
  reset: true,
  'note-self-stop': true,
  'note-crash': true,
  'forget-asking': true,
  destroy: true,
  'remove-port': true,
  'remove-directory': true,
};
const STORAGE_VOLUME: Kinds<VolumeStep> = {
  'make-key': true,
  create: true,
  fill: true,
  clone: NO_CEPH,
  flatten: NO_CEPH,
  'note-flat': NO_CEPH,
  'create-empty': NO_LAYERS,
  layer: NO_LAYERS,
  'start-fill': NO_LAYERS,
  'note-filled': NO_LAYERS,
  unlayer: NO_LAYERS,
  'note-ready': true,
  'note-lost': true,
  'note-source-unusable': true,
  grow: true,
  export: true,
  limit: true,
  unexport: true,
  open: true,
  close: true,
  'stop-target': true,
  remove: true,
  'note-absent': true,
};
const STORAGE_SNAPSHOT: Kinds<SnapshotStep> = {
  import: true,
  freeze: true,
  begin: WRITTEN,
  upload: true,
  complete: true,
  thaw: true,
  'drop-point': NO_CEPH,
  'fail-volume-missing': true,
  'fail-point-lost': true,
  'fail-abandoned': WRITTEN,
  discard: true,
  'rebuild-references': 'only after a restore; packages/storage/blocks.test.ts restores',
  'note-absent': true,
};
const ATTACHMENT: Kinds<Exclude<AttachmentStep['kind'], 'wait'>> = {
  export: true,
  offer: true,
  'mark-attached': true,
  'fail-launch': true,
  withdraw: true,
  unexport: true,
  finish: true,
};
const MODIFICATION: Kinds<Exclude<ModificationStep, 'wait'>> = {
  offer: true,
  complete: true,
  fail: true,
};
const IMAGE: Kinds<Exclude<ImageStep, 'wait'>> = {
  'take-snapshots': true,
  restart: true,
  'fail-instance-gone': true,
};
const TERMINATION: Kinds<Exclude<TerminationStep, 'none'>> = { release: true, forget: true };
const OUTCOME: Kinds<Exclude<Outcome['kind'], 'none'>> = { shutdown: true, failed: true };
const VOLUME: Kinds<Exclude<VolumeTalk, 'wait-for-snapshots'>> = { send: true, forget: true };
const SNAPSHOT: Kinds<Exclude<SnapshotTalk, 'wait-for-readers' | 'settled'>> = {
  send: true,
  abandon: WRITTEN,
  forget: true,
  'forget-copy': true,
};

/** Steps of reconcilers without a plan; step-kinds' test finds those that the code names and this does not. */
const PLAIN: Readonly<Record<string, Covered>> = {
  'cloud/alarms/change-state':
    'users of the simulation put no alarms; packages/cloud/reconcilers/alarms.test.ts fails it',
  'cloud/expiry/expire': true,
  'cloud/instance-placement/place': true,
  'cloud/zone-intent/send': true,
  'cloud/zone-intent/send-subnets': true,
  'cloud/vpc-intent/send':
    'once after a start, before users come; packages/cloud/vpc-changes.test.ts fails it',
  'cloud/vpc-intent/send-change': true,
  'cloud/interface-attachments/note':
    'users of the simulation attach no interfaces; packages/cloud/interface-attachments.test.ts fails it',
  'cloud/vpc-intent/forget':
    'VPCs are not deleted in the simulation; packages/cloud/reconcilers/vpc-intent.test.ts fails it',
  'cloud/zone-report/record': true,
  'cloud/zone-report/forget-strays': true,
  'cloud/volume-metrics/record': true,
  'cloud/network-metrics/record': true,
  'cloud/storage-report/record': true,
  'cloud/storage-report/forget-strays': true,
  'cluster/node-intent/hand-over': true,
  'cluster/node-report/record': true,
  'node/instance/note-reached': true,
  'node/network/ensure-subnets': true,
  'node/network/refresh-ports': true,
  'storage/volume/note-reached': true,
  'storage/volume/note-away':
    'simulated targets always answer; packages/storage stops the process of a real one',
  'storage/snapshot/note-reached': true,
  'storage/block/collect': true,
};

/** By full name, such as `storage/volume/create`. */
export const STEP_KINDS: Readonly<Record<string, Covered>> = {
  ...PLAIN,
  ...named('node/instance', INSTANCE),
  ...named('storage/volume', STORAGE_VOLUME),
  ...named('storage/snapshot', STORAGE_SNAPSHOT),
  ...named('cloud/volume-attachment', ATTACHMENT),
  ...named('cloud/volume-modification', MODIFICATION),
  ...named('cloud/instance-termination', TERMINATION),
  ...named('cloud/instance-outcome', OUTCOME),
  ...named('cloud/volume', VOLUME),
  ...named('cloud/snapshot', SNAPSHOT),
  ...named('cloud/image-making', IMAGE),
};

function named(prefix: string, kinds: Readonly<Record<string, Covered>>): Record<string, Covered> {
  return Object.fromEntries(
    Object.entries(kinds).map(([kind, covered]) => [`${prefix}/${kind}`, covered]),
  );
}
