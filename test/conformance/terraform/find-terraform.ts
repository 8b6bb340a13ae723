// Owns where Terraform (or OpenTofu) and the AWS provider come from: what is on this machine. No package registry that this
// project uses has them; the Go module proxy has their sources, whose build takes gigabytes and most of an hour.

import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists } from '@ironbark/platform/files.ts';

export interface Terraform {
  /** `terraform` or `tofu`. */
  program: string;
  /** A folder as `terraform providers mirror` makes it. */
  mirror: string;
}

const PROGRAMS = ['terraform', 'tofu'];
const REGISTRIES = ['registry.terraform.io', 'registry.opentofu.org'];
/** Names the folder with the provider. */
export const MIRROR_VARIABLE = 'IRONBARK_TERRAFORM_PROVIDERS';
/** Where Terraform itself looks for providers that somebody has put there: its documentation, "Implied Local Mirror Directories". */
const MIRRORS = [
  join(process.env['HOME'] ?? '/', '.terraform.d/plugins'),
  '/usr/local/share/terraform/plugins',
  '/usr/share/terraform/plugins',
];

/** Or a sentence on why there is none. */
export async function findTerraform(): Promise<Terraform | string> {
  const program = await findProgram();
  if (program === undefined) return `neither of ${PROGRAMS.join(', ')} is on this machine`;
  const own = process.env[MIRROR_VARIABLE];
  for (const mirror of own === undefined ? MIRRORS : [own]) {
    for (const registry of REGISTRIES) {
      if (await exists(join(mirror, registry, 'hashicorp/aws'))) return { program, mirror };
    }
  }
  return `the provider hashicorp/aws is in no folder that Terraform looks in; ${MIRROR_VARIABLE} can name one`;
}

async function findProgram(): Promise<string | undefined> {
  for (const program of PROGRAMS) {
    const found = await systemCommands.run('which', [program], { allowExitCodes: [0, 1] });
    if (found.exitCode === 0) return found.stdout.trim();
  }
  return undefined;
}
