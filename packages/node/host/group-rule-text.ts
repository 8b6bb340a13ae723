// Owns the text of security groups for `nft`: the whole table, or only what has changed since.

import { GROUPS_ENTERING, GROUPS_LEAVING } from './forward-priorities.ts';
import { type Direction, type Family, LET_IN, LET_OUT } from './group-match.ts';
import type { GroupRules } from './group-rules.ts';

const DIRECTIONS = ['egress', 'ingress'] as const;

export function noGroupRules(family: Family): GroupRules {
  const verdicts = { ingress: new Map(), egress: new Map() };
  return { family, governed: [], members: new Map(), chains: new Map(), verdicts };
}

/** Of addresses, as nft calls it. */
function typeOf(family: Family): string {
  return family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
}

/** Replaces the whole table, in one transaction. */
export function renderGroupTable(table: string, rules: GroupRules): string {
  const [place, type] = [`${rules.family} ${table}`, typeOf(rules.family)];
  const remove = `add table ${place}\ndelete table ${place}\n`;
  if (rules.governed.length === 0) return remove;
  const sets = [...rules.members].map(
    ([name, addresses]) => `set ${name} {\ntype ${type};\n${elements(addresses)}}\n`,
  );
  const chains = [...rules.chains].map(
    ([name, lines]) => `chain ${name} {\n${lines.join('\n')}\n}\n`,
  );
  const maps = DIRECTIONS.map(
    (direction) =>
      `map ${direction}-map {\ntype ${type} : verdict;\n${elements(pairs(rules.verdicts[direction]))}}\n`,
  );
  const governed = `set governed {\ntype ${type}; flags interval; auto-merge;\n${elements(rules.governed)}}\n`;
  const parts = [
    governed,
    ...sets,
    ...chains,
    ...maps,
    ...DIRECTIONS.map((each) => baseChain(rules.family, each)),
  ];
  return `${remove}table ${place} {\n${parts.join('')}}\n`;
}

function baseChain(family: Family, direction: Direction): string {
  const isLeaving = direction === 'egress';
  const [own, other] = isLeaving ? [LET_OUT, LET_IN] : [LET_IN, LET_OUT];
  const address = `${family} ${isLeaving ? 'saddr' : 'daddr'}`;
  const priority = isLeaving ? GROUPS_LEAVING : GROUPS_ENTERING;
  return [
    `chain ${direction} {\ntype filter hook forward priority ${priority}; policy accept;`,
    // Errors of a flow that there is.
    'ct state related accept',
    `ct direction original ct mark and ${own} == ${own} accept`,
    `ct direction reply ct mark and ${other} == ${other} accept`,
    `${address} vmap @${direction}-map`,
    `${address} @governed drop\n}\n`,
  ].join('\n');
}

function pairs(verdicts: ReadonlyMap<string, string>): string[] {
  return [...verdicts].map(([address, verdict]) => `${address} : ${verdict}`);
}

function elements(all: Iterable<string>): string {
  const list = [...all];
  return list.length === 0 ? '' : `elements = { ${list.join(', ')} }\n`;
}

export interface GroupChange {
  text: string;
  /** Of the table, as nft names them. */
  parts: string[];
}

/** What turns the table that has `before` into one that has `after`; undefined where that is the whole table anew. */
export function renderGroupChange(
  table: string,
  before: GroupRules,
  after: GroupRules,
): GroupChange | undefined {
  if (before.governed.join() !== after.governed.join()) return undefined;
  const place = `${after.family} ${table}`;
  const oldChains = absentIn(after.chains, before.chains);
  const oldSets = absentIn(after.members, before.members);
  const sets = [...after.members].map(([name, addresses]) => {
    const then = before.members.get(name);
    const made =
      then === undefined ? [`add set ${place} ${name} { type ${typeOf(after.family)}; }`] : [];
    const changed = memberLines(`element ${place} ${name}`, then, addresses);
    return { part: `set ${name}`, made, changed };
  });
  // There may be as many as ports, and nearly all are the same lists as before.
  const others = [...after.chains].filter(([name, rules]) => before.chains.get(name) !== rules);
  const chains = others.map(([name, rules]) => {
    const then = before.chains.get(name);
    const made = then === undefined ? [`add chain ${place} ${name}`] : [];
    return { part: `chain ${name}`, made, changed: chainLines(`${place} ${name}`, then, rules) };
  });
  const maps = DIRECTIONS.map((direction) => {
    const name = `${direction}-map`;
    const [then, now] = [before.verdicts[direction], after.verdicts[direction]];
    const changed = verdictLines(`element ${place} ${name}`, then, now);
    return { part: `map ${name}`, made: [], changed };
  });
  const lines = [
    ...[...sets, ...chains].flatMap(({ made }) => made),
    ...[...chains, ...maps, ...sets].flatMap(({ changed }) => changed),
    ...oldChains.map((name) => `flush chain ${place} ${name}`),
    ...oldChains.map((name) => `delete chain ${place} ${name}`),
    ...oldSets.map((name) => `delete set ${place} ${name}`),
  ];
  const touched = [...sets, ...chains, ...maps].filter(
    ({ made, changed }) => made.length + changed.length > 0,
  );
  return {
    text: lines.map((line) => `${line}\n`).join(''),
    parts: [
      ...touched.map(({ part }) => part),
      ...oldChains.map((name) => `chain ${name}`),
      ...oldSets.map((name) => `set ${name}`),
    ],
  };
}

function absentIn(now: ReadonlyMap<string, unknown>, then: ReadonlyMap<string, unknown>): string[] {
  return [...then.keys()].filter((name) => !now.has(name));
}

/** As `RuleSet.repair`: elements are compared, and a chain, which nft shows in words of its own, is written again. */
export function repairGroupPart(
  table: string,
  rules: GroupRules,
  part: string,
  listed: string | undefined,
): string | undefined {
  const [kind, name = ''] = part.split(' ');
  const wanted = kind === 'chain' ? rules.chains.get(name) : elementsOf(rules, name);
  if (wanted === undefined || listed === undefined) return wanted === listed ? '' : undefined;
  if (kind !== 'chain') return isSameSet(wanted, readElements(listed)) ? '' : undefined;
  const place = `${rules.family} ${table} ${name}`;
  return [`flush chain ${place}`, ...wanted.map((rule) => `add rule ${place} ${rule}`), ''].join(
    '\n',
  );
}

function elementsOf(
  { members, verdicts }: GroupRules,
  name: string,
): readonly string[] | undefined {
  const direction = DIRECTIONS.find((each) => `${each}-map` === name);
  if (direction !== undefined) return pairs(verdicts[direction]);
  const addresses = members.get(name);
  return addresses === undefined ? undefined : [...addresses];
}

function readElements(listed: string): string[] {
  const [, text = ''] = /elements = \{([^}]*)\}/.exec(listed) ?? [];
  const all = text.split(',').map((one) => one.trim().replace(/\s+/g, ' '));
  return all.filter((one) => one !== '');
}

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  const all = new Set(other);
  return one.length === all.size && one.every((each) => all.has(each));
}

function chainLines(
  name: string,
  before: readonly string[] | undefined,
  after: readonly string[],
): string[] {
  const isSame = before?.length === after.length && after.every((rule, at) => rule === before[at]);
  if (isSame) return [];
  const flush = before === undefined ? [] : [`flush chain ${name}`];
  return [...flush, ...after.map((rule) => `add rule ${name} ${rule}`)];
}

function memberLines(
  place: string,
  before: ReadonlySet<string> = new Set(),
  after: ReadonlySet<string>,
): string[] {
  const gone = [...before].filter((address) => !after.has(address));
  const come = [...after].filter((address) => !before.has(address));
  return changeLines(place, gone, come);
}

/** An element whose verdict changed goes and comes in the same transaction. */
function verdictLines(
  place: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const gone: string[] = [];
  const come: string[] = [];
  let same = 0;
  for (const [key, value] of after) {
    if (before.get(key) === value) same += 1;
    else come.push(`${key} : ${value}`);
  }
  // Mostly nothing has gone: a second look at all of them is for when something has.
  if (same < before.size) {
    for (const [key, value] of before) if (after.get(key) !== value) gone.push(key);
  }
  return changeLines(place, gone, come);
}

function changeLines(place: string, gone: readonly string[], come: readonly string[]): string[] {
  const list = (all: readonly string[]) => `${place} { ${all.join(', ')} }`;
  return [
    ...(gone.length === 0 ? [] : [`delete ${list(gone)}`]),
    ...(come.length === 0 ? [] : [`add ${list(come)}`]),
  ];
}
