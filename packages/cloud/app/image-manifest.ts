// Owns the reading of image manifests: bytes that anybody may have written, so every member is checked.

import { GIB, MIB } from '@ironbark/core/units.ts';
import type { ImageManifest, ManifestBlob } from '@ironbark/protocol/internal/image-manifest.ts';
import { refuse } from './refusals.ts';

/** Ours have about 20 KiB, most of it package versions. */
export const MAX_MANIFEST_BYTES = MIB;
const MAX_TEXT = 1024;
/** The largest root disk of EC2's gp3 volumes, 16 TiB, is no honest bound for one local file. */
const MAX_DISK_BYTES = 2048 * GIB;
const MAX_MEMORY_MIB = 1024 * 1024;
const MAX_PACKAGES = 20_000;

type Fields = Readonly<Record<string, unknown>>;

/** Throws invalid-parameter with the member that is wrong. */
export function parseImageManifest(bytes: Uint8Array): ImageManifest {
  const fields = asFields(parseJson(bytes), 'the manifest');
  if (fields['format'] !== 'ironbark-image/1') throw bad("format: expected 'ironbark-image/1'");
  if (fields['architecture'] !== 'x86_64') throw bad("architecture: only 'x86_64' is offered");
  const root = parseBlob(fields['root'], 'root');
  const rootDiskBytes = readInteger(fields, 'rootDiskBytes', root.unpackedBytes, MAX_DISK_BYTES);
  const manifest: ImageManifest = {
    format: 'ironbark-image/1',
    architecture: 'x86_64',
    name: readText(fields, 'name', /^[\w(). /@'[\]-]{1,128}$/),
    description: readText(fields, 'description', /^[^\x00-\x1f]*$/),
    builtAt: readText(fields, 'builtAt', /^\d{4}-\d\d-\d\dT[\d:.]{8,15}Z$/),
    root,
    rootDiskBytes,
    rootDeviceName: readText(fields, 'rootDeviceName', /^\/dev\/[a-z0-9]{1,32}$/),
    minMemoryMib: readInteger(fields, 'minMemoryMib', 1, MAX_MEMORY_MIB),
    loginUser: readText(fields, 'loginUser', /^[a-z_][a-z0-9_-]{0,31}$/),
    packages: parsePackages(fields['packages']),
  };
  return { ...manifest, ...parseKernel(fields) };
}

function parseKernel(fields: Fields): Partial<ImageManifest> {
  const kernel: Partial<ImageManifest> = {};
  if (fields['kernel'] !== undefined) kernel.kernel = parseBlob(fields['kernel'], 'kernel');
  if (fields['initrd'] !== undefined) kernel.initrd = parseBlob(fields['initrd'], 'initrd');
  if (fields['kernelParameters'] !== undefined) {
    kernel.kernelParameters = readText(fields, 'kernelParameters', /^[\x20-\x7e]*$/);
  }
  const needsKernel = kernel.initrd !== undefined || kernel.kernelParameters !== undefined;
  if (needsKernel && kernel.kernel === undefined) {
    throw bad('kernel: an initrd or kernel parameters need one');
  }
  return kernel;
}

function parseBlob(value: unknown, where: string): ManifestBlob {
  const fields = asFields(value, where);
  const encoding = fields['encoding'];
  if (encoding !== 'raw' && encoding !== 'zstd') {
    throw bad(`${where}.encoding: expected 'raw' or 'zstd'`);
  }
  const blob: ManifestBlob = {
    key: readText(fields, 'key', /^[\x21-\x7e]{1,1024}$/),
    sizeBytes: readInteger(fields, 'sizeBytes', 1, MAX_DISK_BYTES),
    sha256: readText(fields, 'sha256', /^[0-9a-f]{64}$/),
    encoding,
    unpackedBytes: readInteger(fields, 'unpackedBytes', 1, MAX_DISK_BYTES),
  };
  if (encoding === 'raw' && blob.sizeBytes !== blob.unpackedBytes) {
    throw bad(`${where}.unpackedBytes: a raw blob unpacks to its own size`);
  }
  return blob;
}

function parsePackages(value: unknown): Record<string, string> {
  const entries = Object.entries(asFields(value ?? {}, 'packages'));
  if (entries.length > MAX_PACKAGES) throw bad(`packages: more than ${MAX_PACKAGES}`);
  for (const [name, version] of entries) {
    if (typeof version !== 'string' || version.length > MAX_TEXT) {
      throw bad(`packages.${name.slice(0, 64)}: expected a version`);
    }
  }
  return Object.fromEntries(entries) as Record<string, string>;
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length > MAX_MANIFEST_BYTES) throw bad(`more than ${MAX_MANIFEST_BYTES} bytes`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw bad('it is not JSON in UTF-8');
  }
}

function asFields(value: unknown, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw bad(`${where}: expected an object`);
}

function readText(fields: Fields, name: string, pattern: RegExp): string {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (typeof value === 'string' && value.length <= MAX_TEXT && pattern.test(value)) return value;
  throw bad(`${name}: missing or not of the form ${pattern.source}`);
}

function readInteger(fields: Fields, name: string, min: number, max: number): number {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number;
  }
  throw bad(`${name}: expected a whole number from ${min} to ${max}`);
}

function bad(what: string): Error {
  return refuse('invalid-parameter', 'request', `The image manifest is not valid: ${what}.`);
}
