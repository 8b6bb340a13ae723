// Owns under which user and with which rights QEMU runs. Privileges are dropped before QEMU starts, since its own
// way of dropping them and its strict system call filter exclude each other.

/** `user`: the node is root and gives each guest a user of its own. `same`: the node is not root. */
export type Confinement = { kind: 'user'; uid: number; kvmGid?: number } | { kind: 'same' };

/** Nothing of the daemon's environment reaches a guest's process. */
export const CLEAN_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

export function renderConfinement(confinement: Confinement): { file: string; args: string[] } {
  if (confinement.kind === 'same') return { file: 'setpriv', args: ['--no-new-privs'] };
  const { uid, kvmGid } = confinement;
  const groups = kvmGid === undefined ? ['--clear-groups'] : ['--groups', String(kvmGid)];
  return {
    file: 'setpriv',
    args: [
      ...['--reuid', String(uid), '--regid', String(uid), ...groups],
      ...['--no-new-privs', '--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all'],
    ],
  };
}
