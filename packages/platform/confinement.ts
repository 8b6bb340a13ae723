// Owns how a process is started with no more rights than it needs: a user of its own and no privilege, dropped by
// setpriv before the program runs. QEMU's own way of dropping them and its strict system call filter exclude each
// other.

/** `user`: this process is root and gives the other a user. `same`: it is not root, so they share one. */
export type Confinement =
  | { kind: 'user'; uid: number; groups: readonly number[] }
  | { kind: 'same' };

/** Nothing of our own environment reaches a confined process. */
export const CLEAN_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

/** A user of its own for the process, where there is one to give it. */
export function asUser(uid: number | undefined, groups: readonly number[] = []): Confinement {
  return uid === undefined ? { kind: 'same' } : { kind: 'user', uid, groups };
}

export interface ConfinedCommand {
  file: string;
  args: string[];
}

/** The command line that runs a program confined. The user's group has the user's number. */
export function confine(
  confinement: Confinement,
  file: string,
  args: readonly string[],
): ConfinedCommand {
  return { file: 'setpriv', args: [...renderPrivileges(confinement), file, ...args] };
}

function renderPrivileges(confinement: Confinement): string[] {
  if (confinement.kind === 'same') return ['--no-new-privs'];
  const { uid, groups } = confinement;
  return [
    ...['--reuid', String(uid), '--regid', String(uid)],
    ...(groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')]),
    ...['--no-new-privs', '--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all'],
  ];
}
