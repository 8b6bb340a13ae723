// Owns the text of security groups for `nft`: the whole table, or only what has changed since.

import { type Direction, LET_IN, LET_OUT } from './group-match.ts';
import type { GroupRules } from './group-rules.ts';

/** After what drops for other reasons, before what lets through. */
const LEAVE_PRIORITY = -8;
const ENTER_PRIORITY = -7;
const DIRECTIONS = ['egress', 'ingress'] as const;

export const NO_GROUP_RULES: GroupRules = {
  governed: [],
  members: new Map(),
  chains: new Map(),
  verdicts: { ingress: new Map(), egress: new Map() },
};

/** Replaces the whole table, in one transaction. */
export function renderGroupTable(table: string, rules: GroupRules): string {
  const remove = `add table ip ${table}\ndelete table ip ${table}\n`;
  if (rules.governed.length === 0) return remove;
  const sets = [...rules.members].map(
    ([name, addresses]) => `set ${name} {\ntype ipv4_addr;\n${elements(addresses)}}\n`,
  );
  const chains = [...rules.chains].map(
    ([name, lines]) => `chain ${name} {\n${lines.join('\n')}\n}\n`,
  );
  const maps = DIRECTIONS.map(
    (direction) =>
      `map ${direction}-map {\ntype ipv4_addr : verdict;\n${elements(pairs(rules.verdicts[direction]))}}\n`,
  );
  const governed = `set governed {\ntype ipv4_addr; flags interval; auto-merge;\n${elements(rules.governed)}}\n`;
  const parts = [governed, ...sets, ...chains, ...maps, ...DIRECTIONS.map(baseChain)];
  return `${remove}table ip ${table} {\n${parts.join('')}}\n`;
}

function baseChain(direction: Direction): string {
  const isLeaving = direction === 'egress';
  const [own, other] = isLeaving ? [LET_OUT, LET_IN] : [LET_IN, LET_OUT];
  const address = isLeaving ? 'ip saddr' : 'ip daddr';
  const priority = isLeaving ? LEAVE_PRIORITY : ENTER_PRIORITY;
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

/** What turns the table that has `before` into one that has `after`; empty when they are the same. */
export function renderGroupChange(table: string, before: GroupRules, after: GroupRules): string {
  if (before.governed.join() !== after.governed.join()) return renderGroupTable(table, after);
  const at = (kind: string, name: string) => `${kind} ip ${table} ${name}`;
  const added = (now: ReadonlyMap<string, unknown>, then: ReadonlyMap<string, unknown>) =>
    [...now.keys()].filter((name) => !then.has(name));
  const newSets = added(after.members, before.members);
  const oldSets = added(before.members, after.members);
  const newChains = added(after.chains, before.chains);
  const oldChains = added(before.chains, after.chains);
  const lines = [
    ...newSets.map((name) => `add ${at('set', name)} { type ipv4_addr; }`),
    ...newChains.map((name) => `add ${at('chain', name)}`),
    ...[...after.chains].flatMap(([name, rules]) =>
      chainLines(`ip ${table} ${name}`, before.chains.get(name), rules),
    ),
    ...DIRECTIONS.flatMap((direction) =>
      elementLines(
        at('element', `${direction}-map`),
        before.verdicts[direction],
        after.verdicts[direction],
      ),
    ),
    ...[...after.members].flatMap(([name, addresses]) =>
      elementLines(at('element', name), asMap(before.members.get(name)), asMap(addresses)),
    ),
    ...oldChains.map((name) => `flush ${at('chain', name)}`),
    ...oldChains.map((name) => `delete ${at('chain', name)}`),
    ...oldSets.map((name) => `delete ${at('set', name)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function chainLines(
  name: string,
  before: readonly string[] | undefined,
  after: readonly string[],
): string[] {
  if (before?.join('\n') === after.join('\n')) return [];
  const flush = before === undefined ? [] : [`flush chain ${name}`];
  return [...flush, ...after.map((rule) => `add rule ${name} ${rule}`)];
}

function asMap(addresses: ReadonlySet<string> = new Set()): Map<string, string> {
  return new Map([...addresses].map((address) => [address, '']));
}

/** An element whose verdict changed goes and comes in the same transaction. */
function elementLines(
  place: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const gone = [...before].filter(([key, value]) => after.get(key) !== value);
  const come = [...after].filter(([key, value]) => before.get(key) !== value);
  const list = (all: readonly string[]) => `${place} { ${all.join(', ')} }`;
  return [
    ...(gone.length === 0 ? [] : [`delete ${list(gone.map(([key]) => key))}`]),
    ...(come.length === 0
      ? []
      : [`add ${list(come.map(([key, value]) => (value === '' ? key : `${key} : ${value}`)))}`]),
  ];
}
