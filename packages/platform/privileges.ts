// Owns how a process that was started as root gives that up for good, once its program is loaded.

import { changeRoot } from './libc.ts';

export interface LesserRights {
  uid: number;
  /** Groups besides the user's own, which has the user's number. */
  groups: readonly number[];
  /** What is its whole file system from now on. */
  root: string;
}

/** Throws when anything of it does not hold afterwards. */
export function dropPrivileges({ uid, groups, root }: LesserRights): void {
  // The working directory comes first: it must not be left outside.
  process.chdir(root);
  changeRoot('.');
  process.chdir('/');
  process.setgroups!([...groups]);
  process.setgid!(uid);
  process.setuid!(uid);
  const ids = [process.getuid!(), process.geteuid!(), process.getgid!(), process.getegid!()];
  if (ids.some((id) => id !== uid) || canReturn()) throw new Error('privileges were not dropped');
}

function canReturn(): boolean {
  try {
    process.setuid!(0);
    return true;
  } catch {
    return false;
  }
}
