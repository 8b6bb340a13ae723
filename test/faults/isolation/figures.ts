// Owns the figures of isolation: what the kernel says of each process, counted against what is promised of it.

import { type Figure, zeroFigure } from '../../support/figures.ts';
import { type ProcessIsolation, readIsolation } from '../../support/process-isolation.ts';
import type { Subject } from './subjects.ts';

/** What a guest or an exporter may have open: its own files, and descriptors without a name. */
const MAY_BE_OPEN = [
  /^\/dev\/(null|kvm|vhost-net|net\/tun)$/,
  /^anon_inode:/,
  /^socket:\[\d+\]$/,
  /^\/own\/(root\.raw|kernel|initrd|run\/[^/]+)$/,
  /^\/own\/(volumes\/vol-[0-9a-f]+\.raw|overwritten\/snap-[0-9a-f]+\.raw)$/,
];
/** Its log, which it may write to and does not find. */
const LOG = /\/(qemu\.log|processes\/vol-[0-9a-f]+\.log)$/;
const MAY_BE_SEEN = [
  /^\/usr\/bin\/(qemu-system-x86_64|qemu-storage-daemon|setpriv)$/,
  /^\/etc\/ld\.so\.cache$/,
  /^\/dev\/(null|kvm)$/,
];
const MAY_BE_SET = /^(PATH|LC_ALL)=/;

interface Look {
  subject: Subject;
  facts: ProcessIsolation;
}

export function isolationFigures(
  subjects: readonly Subject[],
  explain: (line: string) => void,
): Figure[] {
  const looks = subjects.map((subject) => ({ subject, facts: readIsolation(subject.pid) }));
  const guests = looks.filter(({ subject }) => subject.kind === 'guest');
  const count = (name: string, among: readonly Look[], find: (look: Look) => readonly string[]) => {
    const found = among.flatMap((look) =>
      find(look).map((what) => `${look.subject.name}: ${what}`),
    );
    for (const line of found) explain(`${name}: ${line}`);
    return zeroFigure(name, found.length);
  };
  const uids = new Map<number, number>();
  for (const { facts } of looks) uids.set(facts.uid, (uids.get(facts.uid) ?? 0) + 1);
  const when = (isBad: boolean, what: string) => (isBad ? [what] : []);
  return [
    { name: 'processes looked at', value: looks.length, bar: 2, ok: looks.length >= 2 },
    count('users that are root or shared', looks, ({ facts }) =>
      when(facts.uid === 0 || uids.get(facts.uid)! > 1, `uid ${facts.uid}`),
    ),
    count('capabilities', looks, ({ facts }) => when(facts.hasCapabilities, 'has some')),
    count('without no_new_privs', looks, ({ facts }) =>
      when(!facts.noNewPrivileges, 'may gain some'),
    ),
    count('guests without a system call filter', guests, ({ facts }) =>
      when(facts.seccomp !== 2, `Seccomp ${facts.seccomp}`),
    ),
    count('name spaces shared with the host', looks, ({ facts }) => facts.sharedNameSpaces),
    count('processes that are not the first of their own', looks, ({ facts }) =>
      when(facts.innerPid !== 1, `NSpid ${facts.innerPid}`),
    ),
    count('files of the host that can be found', looks, ({ subject, facts }) =>
      facts.visibleFiles.filter(
        (path) => ![...MAY_BE_SEEN, subject.own].some((one) => one.test(path)),
      ),
    ),
    count('processes that can be found', looks, ({ facts }) =>
      when(facts.visibleProcesses > 0, `${facts.visibleProcesses}`),
    ),
    count('open files beyond the list', looks, ({ facts }) =>
      facts.openFiles.filter((path) => ![...MAY_BE_OPEN, LOG].some((one) => one.test(path))),
    ),
    count('environment variables beyond the list', looks, ({ facts }) =>
      facts.environment.filter((each) => !MAY_BE_SET.test(each)),
    ),
    count('limits that are missing', looks, ({ facts }) => missingLimits(facts)),
    count('control groups that are missing', looks, ({ subject, facts }) =>
      when(
        facts.groups.filter(
          (group) => /\/ironbark-[0-9a-f]{8}\//.test(group) && group.endsWith(subject.name),
        ).length === 0,
        facts.groups.join(' '),
      ),
    ),
  ];
}

function missingLimits({ limits }: ProcessIsolation): string[] {
  const wanted = ['Max open files', 'Max processes'];
  const isUnlimited = (name: string) => !/^\d+$/.test(limits.get(name) ?? '');
  const missing = wanted.filter(isUnlimited);
  if (limits.get('Max core file size') !== '0') missing.push('Max core file size');
  return missing;
}
