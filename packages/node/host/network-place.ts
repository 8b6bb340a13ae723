// Owns where a network lies: in the host's own name space, or in that of one VPC. Commands and settings go there.

import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Commands } from '@ironbark/platform/commands.ts';
import { hasCode, writeUnsynced } from '@ironbark/platform/files.ts';
import { commandsInNamespace, setNetworkSettings } from '@ironbark/platform/network-namespace.ts';
import { RUN_DIRECTORY } from './ip-forwarding.ts';
import type { NetworkNames } from './network-names.ts';

export interface NetworkPlace {
  /** The files of the running network. */
  readonly directory: string;
  /** They run in the name space. */
  readonly commands: Commands;
  /** As `ip netns` names it; absent: the host's own. */
  readonly namespace?: string;
  /** It has networks besides the cloud's own. */
  readonly isHost: boolean;
}

/** `namespace`: one that stands for the whole host, and that the commands run in. */
export function hostPlace(
  names: NetworkNames,
  commands: Commands,
  namespace?: string,
): NetworkPlace {
  const directory = join(RUN_DIRECTORY, names.tag);
  return { directory, commands, isHost: true, ...(namespace === undefined ? {} : { namespace }) };
}

export function vpcPlace(names: NetworkNames, vpcId: string, commands: Commands): NetworkPlace {
  const namespace = names.space(vpcId);
  const directory = join(RUN_DIRECTORY, names.tag, vpcId);
  return {
    directory,
    commands: commandsInNamespace(commands, namespace),
    namespace,
    isHost: false,
  };
}

/** By paths below `/proc/sys/net`. One that this kernel does not have is left out. */
export async function putSettings(
  { namespace }: Pick<NetworkPlace, 'namespace'>,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  if (namespace !== undefined) {
    setNetworkSettings(namespace, settings);
    return;
  }
  for (const [path, value] of Object.entries(settings)) {
    try {
      await writeUnsynced(`/proc/sys/net/${path}`, value);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}

/** A folder that several share goes with the last of them. */
export async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY') && !hasCode(error, 'ENOENT')) throw error;
  }
}
