// Owns learning from the host's apt where a Debian suite comes from, so that no mirror is named here.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { BuildContext } from '../build/build-context.ts';
import type { DebianSuite } from './recipe.ts';

export interface IndexTarget {
  /** Without the suite: `http://mirror/debian/`. */
  site: string;
  codename: string;
  component: string;
  /** The index that apt has fetched. */
  path: string;
}

/** Of the package debian-archive-keyring; it signs every suite of Debian. */
export const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

const FORMAT = '$(ORIGIN)|$(SITE)|$(CODENAME)|$(COMPONENT)|$(ARCHITECTURE)|$(FILENAME)';

/** What apt has of this suite, its updates and its security fixes. */
export async function findHostSources(
  context: BuildContext,
  suite: DebianSuite,
): Promise<IndexTarget[]> {
  const { stdout } = await context.commands.run('apt-get', [
    'indextargets',
    '--format',
    FORMAT,
    'Created-By: Packages',
  ]);
  const targets = parseIndexTargets(stdout, suite);
  if (targets.some((target) => target.codename === suite)) return targets;
  throw new ServiceError({
    kind: 'unavailable',
    resource: 'host',
    message:
      `This host's apt has no source of Debian ${suite}. Add one (with its Signed-By keyring) to ` +
      '/etc/apt/sources.list.d and run `apt-get update`.',
  });
}

export function parseIndexTargets(text: string, suite: DebianSuite): IndexTarget[] {
  const suites = new Set([suite, `${suite}-updates`, `${suite}-security`]);
  return text.split('\n').flatMap((line) => {
    const [origin, site, codename, component, architecture, path] = line.split('|');
    if (origin !== 'Debian' || architecture !== 'amd64' || !suites.has(codename!)) return [];
    return [{ site: site!, codename: codename!, component: component!, path: path! }];
  });
}

/** As sources.list(5), for a bootstrap of the suite. */
export function renderSources(targets: readonly IndexTarget[]): string {
  const lines = targets.map(({ site, codename, component }) => {
    return `deb [signed-by=${DEBIAN_KEYRING}] ${site} ${codename} ${component}\n`;
  });
  return [...new Set(lines)].join('');
}

/** Changes whenever apt would install anything else. */
export async function digestIndexes(targets: readonly IndexTarget[]): Promise<string> {
  const digest = createHash('sha256');
  for (const target of targets) digest.update(await readFile(target.path));
  return digest.digest('hex');
}
