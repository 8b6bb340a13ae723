// Owns how the command line puts a built image into the cloud.

import { join } from 'node:path';
import type { BuildContext } from '@ironbark/images/build/build-context.ts';
import type { BuiltImage, OnProgress } from '@ironbark/images/build/built-image.ts';
import { publishImage } from '@ironbark/images/publish-image.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import type { CliContext } from './context.ts';
import { getDaemon } from './daemon/admin-client.ts';
import { openEc2 } from './ec2.ts';
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

/** Uploads and registers a build under a name; gives the image's id. */
export async function publish(
  context: CliContext,
  built: BuiltImage,
  name: string,
  progress: StepProgress,
): Promise<string> {
  const daemon = await getDaemon(context.dataDir, context.self);
  const ec2 = await openEc2(context, daemon);
  const uploader = createUploader(await daemon.credentials(), () => context.clock.nowMs());
  const register = async (ImageLocation: string, _name: string, Description: string) =>
    (await ec2.call('RegisterImage', { Name: name, ImageLocation, Description })).ImageId ?? '';
  return await publishImage(built, { ...uploader, register }, showFraction(progress));
}
