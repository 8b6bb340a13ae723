// Owns where AWS's published test vectors of Signature Version 4 come from: the crate of AWS's SDK for Rust has those of
// AWS's common runtime, in both forms. Cargo keeps it among its own downloads; nothing of it is built.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists } from '@ironbark/platform/files.ts';

const CRATE = 'aws-sigv4';
const VERSION = '1.6.4';
const MANIFEST = `[package]
name = "vectors"
version = "0.0.0"
edition = "2021"

[lib]
path = "lib.rs"

[dependencies]
${CRATE} = { version = "=${VERSION}", default-features = false }
`;
const TIMEOUT_MS = 300_000;

/** The folder with a folder for each vector; throws where they cannot be had. */
export async function fetchVectors(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-sigv4-'));
  try {
    await writeFile(join(folder, 'Cargo.toml'), MANIFEST);
    await writeFile(join(folder, 'lib.rs'), '');
    const { stdout } = await systemCommands.run('cargo', ['metadata', '--format-version', '1'], {
      cwd: folder,
      timeoutMs: TIMEOUT_MS,
      maxOutputBytes: 16 * 1_024 * 1_024,
    });
    const { packages } = JSON.parse(stdout) as {
      packages: { name: string; manifest_path: string }[];
    };
    const crate = packages.find(({ name }) => name === CRATE)!;
    const vectors = join(dirname(crate.manifest_path), 'aws-signing-test-suite/v4');
    if (await exists(vectors)) return vectors;
    throw new Error(`${CRATE} ${VERSION} has no vectors`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
