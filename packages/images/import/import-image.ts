// Owns taking in a disk that someone brings: looked at, converted, described as an image that firmware boots.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ServiceError } from '@ironbark/core/errors.ts';
import { GIB } from '@ironbark/core/units.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import { ensureDirectory, renameDurably } from '@ironbark/platform/files.ts';
import type { BuildContext } from '../build/build-context.ts';
import type { BuiltImage } from '../build/built-image.ts';
import { convertToRaw } from './convert-image.ts';
import { type InspectedImage, inspectImage } from './inspect-image.ts';

export interface ImportRequest {
  path: string;
  name: string;
  /** What the caller takes the file for; another one is refused. */
  format?: InspectedImage['format'];
  description?: string;
  /** Who a key pair logs in as; most distributions have their own. */
  loginUser?: string;
  minMemoryMib?: number;
}

/** EC2's rule for the names of AMIs, less the characters that would change a key in the object store. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{2,127}$/;
const DEFAULT_LOGIN_USER = 'root';
/** Firmware and a distribution's own initrd do not start in less. */
const DEFAULT_MEMORY_MIB = 512;
const BUILD_ID_DIGITS = 16;

/** The result lies in `imports` of the working folder; the caller removes it once published. */
export async function importImage(
  context: BuildContext,
  request: ImportRequest,
): Promise<BuiltImage> {
  requireName(request.name);
  const progress = (step: string, fraction: number) => context.onProgress?.({ step, fraction });
  progress('Looking at the file', 0);
  const inspected = await inspectImage(request.path);
  requireFormat(request, inspected);
  const imports = join(context.workDir, 'imports');
  await ensureDirectory(imports);
  const folder = await mkdtemp(join(imports, 'unfinished-'));
  try {
    progress(`Converting from ${inspected.format}`, 0.1);
    const targetPath = join(folder, 'root.raw');
    await convertToRaw({
      sourcePath: request.path,
      inspected,
      targetPath,
      commands: context.commands,
      ...(context.signal === undefined ? {} : { signal: context.signal }),
    });
    progress('Computing its digest', 0.8);
    const buildId = await digestFile(targetPath);
    const final = join(imports, `${request.name}-${buildId}`);
    await rm(final, { recursive: true, force: true });
    await renameDurably(folder, final);
    progress('Imported', 1);
    return describe(context, request, {
      buildId,
      rootPath: join(final, 'root.raw'),
      virtualBytes: inspected.virtualBytes,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function describe(
  context: BuildContext,
  request: ImportRequest,
  disk: { buildId: string; rootPath: string; virtualBytes: number },
): BuiltImage {
  return {
    buildId: disk.buildId,
    files: { root: disk.rootPath },
    manifest: {
      format: 'ironbark-image/1',
      name: request.name,
      description: request.description ?? `Imported as ${request.name}`,
      architecture: 'x86_64',
      builtAt: renderTime(context.clock.nowMs()),
      // EC2 knows volumes of whole GiB.
      rootDiskBytes: Math.ceil(disk.virtualBytes / GIB) * GIB,
      rootDeviceName: '/dev/vda',
      minMemoryMib: request.minMemoryMib ?? DEFAULT_MEMORY_MIB,
      loginUser: request.loginUser ?? DEFAULT_LOGIN_USER,
      packages: {},
    },
  };
}

function requireName(name: string): void {
  if (NAME.test(name)) return;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'image',
    message: 'An image name has 3 to 128 letters, digits, dots, dashes or underscores.',
  });
}

/** A raw disk's content is its guest's to choose, so a file that looks like both is not taken for either. */
function requireFormat({ format }: ImportRequest, inspected: InspectedImage): void {
  if (format === undefined || format === inspected.format) return;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'image',
    message: `The file is ${inspected.format} by its content, not ${format}.`,
  });
}

async function digestFile(path: string): Promise<string> {
  const digest = createHash('sha256');
  await pipeline(createReadStream(path), digest);
  return digest.digest('hex').slice(0, BUILD_ID_DIGITS);
}
