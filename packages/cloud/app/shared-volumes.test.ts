// Owns the tests of who may have a volume at the same time, and of what may be changed of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorKind, isServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { MAX_ATTACHMENTS } from '@ironbark/core/volume-types.ts';
import type { AttachmentRow, VolumeShape } from '../store/schema.ts';
import {
  checkMultiAttachChange,
  checkMultiAttachType,
  checkSharedUse,
  checkSharing,
  requireInstance,
} from './shared-volumes.ts';

const enabled = { id: 'vol-1', volumeType: 'io2', multiAttachEnabled: 1 } as const;
const plain = { ...enabled, multiAttachEnabled: 0 } as const;

function idOf(number: number): InstanceId {
  return `i-${String(number).padStart(17, '0')}`;
}

function holders(count: number): AttachmentRow[] {
  return Array.from({ length: count }, (_, at) => ({ instanceId: idOf(at) }) as AttachmentRow);
}

function isRefused(kind: ErrorKind | undefined, work: () => void): void {
  if (kind === undefined) work();
  else assert.throws(work, (error: unknown) => isServiceError(error, kind));
}

test('up to 16 instances have a volume that is enabled for it, each once; one has any other', () => {
  const cases: [typeof enabled | typeof plain, number, number, ErrorKind | undefined][] = [
    [plain, 0, 1, undefined],
    [plain, 1, 1, 'in-use'],
    [plain, 1, 0, 'in-use'],
    [enabled, 1, 1, undefined],
    [enabled, 1, 0, 'in-use'],
    [enabled, MAX_ATTACHMENTS - 1, 99, undefined],
    [enabled, MAX_ATTACHMENTS, 99, 'limit-exceeded'],
  ];
  for (const [volume, count, instance, kind] of cases) {
    isRefused(kind, () => checkSharing(volume, holders(count), idOf(instance)));
  }
});

test('a shared volume boots nothing, and is not driven by guests', () => {
  const host = { attachMode: 'host', isRoot: false } as const;
  checkSharedUse(enabled, host);
  checkSharedUse(plain, { attachMode: 'guest', isRoot: true });
  isRefused('invalid-parameter', () => checkSharedUse(enabled, { ...host, isRoot: true }));
  isRefused('unsupported', () => checkSharedUse(enabled, { ...host, attachMode: 'guest' }));
});

test('whoever takes one instance off a shared volume names it', () => {
  requireInstance(plain, holders(1), undefined);
  requireInstance(enabled, holders(2), idOf(1));
  isRefused('missing-parameter', () => requireInstance(enabled, holders(1), undefined));
});

test('what may be changed is in the table of the EBS User Guide', () => {
  const io2: VolumeShape = { sizeGib: 4, volumeType: 'io2', iops: 100, throughputMibps: null };
  const on = { multiAttachEnabled: 1 } as const;
  const off = { multiAttachEnabled: 0 } as const;
  const io1 = { ...io2, volumeType: 'io1' } as const;
  const io1Plain = { ...plain, volumeType: 'io1' } as const;
  const io1Enabled = { ...enabled, volumeType: 'io1' } as const;
  type Volume = Parameters<typeof checkMultiAttachChange>[0];
  const cases: [Volume, VolumeShape, number, ErrorKind | undefined][] = [
    [plain, { ...io2, ...on }, 0, undefined],
    [plain, { ...io2, ...on }, 1, 'incorrect-state'],
    [plain, { ...io2, ...off }, 1, undefined],
    [enabled, { ...io2, sizeGib: 5 }, 2, undefined],
    [enabled, { ...io2, iops: 200, ...on }, 2, undefined],
    [enabled, { ...io2, volumeType: 'gp3' }, 0, 'invalid-combination'],
    [enabled, { ...io2, ...off }, 1, undefined],
    [enabled, { ...io2, ...off }, 2, 'incorrect-state'],
    [io1Plain, { ...io1, ...on }, 0, 'invalid-combination'],
    [io1Plain, { ...io1, sizeGib: 5 }, 1, undefined],
    [io1Plain, { ...io2, ...on }, 0, undefined],
    [io1Enabled, { ...io1, sizeGib: 5 }, 0, 'invalid-combination'],
    [io1Enabled, { ...io1, ...off }, 0, 'invalid-combination'],
  ];
  for (const [volume, target, count, kind] of cases) {
    isRefused(kind, () => checkMultiAttachChange(volume, target, holders(count)));
  }
  for (const type of ['io1', 'io2'] as const) checkMultiAttachType(type);
  for (const type of ['standard', 'gp2', 'gp3', 'st1', 'sc1'] as const) {
    isRefused('invalid-combination', () => checkMultiAttachType(type));
  }
});
