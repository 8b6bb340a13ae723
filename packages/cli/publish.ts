// Owns how the command line puts a built image into the cloud.

import { join } from 'node:path';
import type { BuildContext } from '@ironbark/images/build/build-context.ts';
import type { BuiltImage, OnProgress } from '@ironbark/images/build/built-image.ts';
import { publishImage } from '@ironbark/images/publish-image.ts';
import { waitFor } from '@ironbark/platform/clock.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import type { Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import type { CliContext } from './context.ts';
import { getDaemon } from './daemon/admin-client.ts';
import { openEc2 } from './ec2.ts';
import { Problem } from './problem.ts';
import { createUploader } from './s3-upload.ts';
import type { StepProgress } from './terminal.ts';

export function buildContext(context: CliContext, progress: StepProgress): BuildContext {
  const { commands, clock } = context;
  return {
    workDir: join(context.cacheDir, 'images'),
    commands,
    clock,
    logger: createLogger({ write: () => {}, nowMs: () => clock.nowMs() }),
    onProgress: showFraction(progress),
  };
}

export function showFraction(progress: StepProgress): OnProgress {
  return ({ step, fraction }) => progress(`${step} (${Math.round(fraction * 100)} %)`);
}

/** Where the root disks of an image's instances are, as EC2 calls it. */
export type RootDevice = 'ebs' | 'instance-store';

/** Uploads and registers a build under a name; gives the image's id once it can be launched. */
export async function publish(
  context: CliContext,
  built: BuiltImage,
  { name, rootDevice }: { name: string; rootDevice: RootDevice },
  progress: StepProgress,
): Promise<string> {
  const daemon = await getDaemon(context.dataDir, context.self);
  const ec2 = await openEc2(context, daemon);
  const uploader = createUploader(await daemon.credentials(), () => context.clock.nowMs());
  const mappings =
    rootDevice === 'ebs'
      ? [{ DeviceName: built.manifest.rootDeviceName, Ebs: { VolumeType: 'gp3' as const } }]
      : [];
  const register = async (ImageLocation: string, _name: string, Description: string) => {
    const named = { Name: name, ImageLocation, Description };
    const answer = await ec2.call('RegisterImage', { ...named, BlockDeviceMappings: mappings });
    return answer.ImageId ?? '';
  };
  const id = await publishImage(built, { ...uploader, register }, showFraction(progress));
  await untilAvailable(context, ec2, id);
  return id;
}

/** A snapshot of a distribution's root disk takes some ten seconds, on a busy host minutes. */
const AVAILABLE_TIMEOUT_MS = 15 * 60_000;
const POLL_MS = 200;

async function untilAvailable(context: CliContext, ec2: Ec2Client, id: string): Promise<void> {
  const look = async () => {
    const { Images } = await ec2.call('DescribeImages', { ImageIds: [id] });
    const { State, StateReason } = Images?.[0] ?? {};
    if (State === 'failed') throw new Problem(`${id} failed: ${StateReason?.Message ?? ''}`, []);
    return State === 'available';
  };
  const patience = { clock: context.clock, timeoutMs: AVAILABLE_TIMEOUT_MS, intervalMs: POLL_MS };
  await waitFor(look, { ...patience, what: `${id} is available` });
}
