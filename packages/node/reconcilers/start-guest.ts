// Owns the start of a guest from an instance's intent: its ports, its specification, and its record before and after.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { InterfaceId } from '@ironbark/core/ids.ts';
import type { NicProfile } from '@ironbark/core/io-profile.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { guestUuid } from '../app/guest-uuid.ts';
import { effectiveNicProfile } from '../app/nic-profile.ts';
import type { GuestDisk, GuestHandle, GuestNic, GuestSpec } from '../drivers/hypervisor-driver.ts';
import { GUEST_VIEW, instanceLayout } from '../store/instance-layout.ts';
import { ensurePort, type InstanceContext, uidOf } from './instance-context.ts';

export async function startGuest(context: InstanceContext, intent: InstanceIntent): Promise<void> {
  context.memory.claim(intent.id, intent.memoryMib);
  try {
    const nics = await prepareNics(context, intent);
    const spec = renderSpec(context, intent, nics);
    await noteStarting(context, intent, { spec, nics });
    const handle = await context.driver.start(spec);
    const upSinceMs = context.clock.monotonicMs();
    await context.records.change(intent.id, { handle, startedAt: handle.startedAt, upSinceMs });
  } catch (error) {
    context.memory.release(intent.id);
    throw error;
  }
}

async function prepareNics(context: InstanceContext, intent: InstanceIntent): Promise<GuestNic[]> {
  const nics: GuestNic[] = [];
  for (const { id, macAddress, profile } of intent.interfaces) {
    const port = await ensurePort(context, intent, id, { isIdle: true });
    nics.push({ id, macAddress, port, profile: effectiveNicProfile(profile, port) });
  }
  return nics;
}

function renderSpec(context: InstanceContext, intent: InstanceIntent, nics: GuestNic[]): GuestSpec {
  const { id, image } = intent;
  const uid = uidOf(context, intent);
  return {
    id,
    uuid: guestUuid(id),
    vcpus: intent.vcpus,
    memoryMib: intent.memoryMib,
    boot:
      image.kernel === undefined
        ? { kind: 'firmware' }
        : {
            kind: 'kernel',
            kernelPath: GUEST_VIEW.kernel,
            ...(image.initrd === undefined ? {} : { initrdPath: GUEST_VIEW.initrd }),
            parameters: image.kernelParameters ?? '',
          },
    rootDisk: renderRootDisk(intent),
    nics,
    directory: instanceLayout(context.dataDir, id).directory,
    ...(uid === undefined ? {} : { uid }),
  };
}

function renderRootDisk({ id, image, rootDisk, volumes }: InstanceIntent): GuestDisk {
  if (image.root !== undefined) {
    const source = { kind: 'file', path: GUEST_VIEW.rootDisk } as const;
    return { serial: 'root', source, profile: rootDisk.profile };
  }
  const volume = volumes.find(({ volumeId }) => volumeId === rootDisk.volumeId);
  if (volume !== undefined) {
    const { volumeId: serial, source, profile, sizeBytes } = volume;
    return { serial, source, profile, sizeBytes };
  }
  throw new ServiceError({
    kind: 'incorrect-state',
    resource: 'instance',
    message: `${id} has no volume attached at its root device (${rootDisk.deviceName}).`,
  });
}

function provisionalHandle(context: InstanceContext, spec: GuestSpec): GuestHandle {
  return {
    id: spec.id,
    driver: context.driver.name,
    pid: 0,
    pidStartTicks: 0,
    directory: spec.directory,
    startedAt: '',
    ...(spec.uid === undefined ? {} : { uid: spec.uid }),
  };
}

/** Written before the process exists, so that a guest whose handle was never written down is looked for. */
async function noteStarting(
  context: InstanceContext,
  intent: InstanceIntent,
  { spec, nics }: { spec: GuestSpec; nics: GuestNic[] },
): Promise<void> {
  const nicProfiles: Record<InterfaceId, NicProfile> = {};
  for (const { id, profile } of nics) nicProfiles[id] = profile;
  await context.records.change(intent.id, {
    handle: provisionalHandle(context, spec),
    nicProfiles,
    rebootsDone: intent.rebootCount,
    reachableAt: undefined,
    stopAskedAtMs: undefined,
    rebootAskedAtMs: undefined,
    lastAskedAtMs: undefined,
    selfStoppedGeneration: undefined,
    ssh: findSsh(intent, nics),
  });
}

const SSH_PORT = 22;

function findSsh(
  intent: InstanceIntent,
  nics: GuestNic[],
): { host: string; port: number } | undefined {
  const [first] = nics;
  const address = intent.interfaces[0]?.privateIp;
  if (first?.port.kind === 'user') return { host: '127.0.0.1', port: first.port.sshPort };
  if (first?.port.kind === 'tap' && address !== undefined) return { host: address, port: SSH_PORT };
  return undefined;
}
