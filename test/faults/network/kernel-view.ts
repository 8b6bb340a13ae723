// Owns the comparison of what the kernel has with the model of a churned network: taps, their filters, who is in which
// group's set, and which groups each address leads to. Read from the kernel alone, with no code of the product's rules.

import { groupId } from '@ironbark/node/testing/vpc-intent.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { NetworkChurn } from './churn.ts';

interface Verdict {
  jump?: { target: string };
}

interface Named {
  name: string;
  elem?: (string | [string, Verdict])[];
}

interface Rule {
  chain: string;
  expr: Verdict[];
}

interface Listed {
  set?: Named;
  map?: Named;
  chain?: { name: string };
  rule?: Rule;
}

/** What the kernel lacks, or has too much. */
export async function strangersIn(churn: NetworkChurn): Promise<string[]> {
  const { names, cloud, ports } = churn;
  const groups = await listTable('ip', names.groupTable);
  const filters = await listTable('netdev', names.table);
  const links = (await systemCommands.run('ip', ['-j', '-d', 'link', 'show'])).stdout;
  const taps = (JSON.parse(links) as LinkRecord[]).filter(({ ifname }) => names.isTap(ifname));
  const wanted = [...ports.keys()].map((place) => names.tap(cloud.port(place).interfaceId));
  const named = filters.flatMap(({ chain }) => (chain === undefined ? [] : [chain.name]));
  return [
    ...difference(
      'tap',
      wanted,
      taps.map(({ ifname }) => ifname),
    ),
    ...difference(
      'isolated tap',
      wanted,
      taps.filter(isIsolated).map(({ ifname }) => ifname),
    ),
    ...difference(
      'filter',
      wanted.map((tap) => `from_${tap}`),
      named,
    ),
    ...difference('member', wantedMembers(churn, groups), foundMembers(groups)),
    ...difference('membership', wantedGroups(churn), foundGroups(groups)),
  ];
}

interface LinkRecord {
  ifname: string;
  linkinfo?: { info_slave_data?: { isolated?: boolean } };
}

function isIsolated({ linkinfo }: LinkRecord): boolean {
  return linkinfo?.info_slave_data?.isolated === true;
}

async function listTable(family: string, table: string): Promise<Listed[]> {
  const { stdout } = await systemCommands.run('nft', ['-j', 'list', 'table', family, table]);
  return (JSON.parse(stdout) as { nftables: Listed[] }).nftables;
}

/** Only groups that a rule of a group in use names have a set; those are taken from the kernel's rules. */
function wantedMembers({ ports, cloud }: NetworkChurn, listed: readonly Listed[]): string[] {
  const rules = JSON.stringify(listed.flatMap(({ rule }) => (rule === undefined ? [] : [rule])));
  return [...ports].flatMap(([place, groups]) =>
    groups
      .map((number) => `members-${groupId(number)}`)
      .filter((set) => rules.includes(`"@${set}"`))
      .map((set) => `${set} ${cloud.address(place)}`),
  );
}

function foundMembers(listed: readonly Listed[]): string[] {
  const sets = listed.flatMap(({ set }) => (set?.name.startsWith('members-') ? [set] : []));
  return sets.flatMap(({ name, elem = [] }) => elem.map((address) => `${name} ${address}`));
}

function wantedGroups({ ports, cloud }: NetworkChurn): string[] {
  return [...ports].map(
    ([place, groups]) => `${cloud.address(place)} ${groups.map(groupId).sort().join(' ')}`,
  );
}

/** Address to combination to groups, as the kernel would jump. */
function foundGroups(listed: readonly Listed[]): string[] {
  const map = listed.find((one) => one.map?.name === 'ingress-map')?.map;
  const rules = listed.flatMap(({ rule }) => (rule === undefined ? [] : [rule]));
  const jumps = Map.groupBy(rules, ({ chain }) => chain);
  return (map?.elem ?? []).map((element) => {
    const [address, verdict] = element as [string, Verdict];
    const own = jumps.get(verdict.jump?.target ?? '') ?? [];
    const targets = own.flatMap(({ expr }) => expr.flatMap(({ jump }) => jump?.target ?? []));
    const groups = targets.map((name) => name.replace(/^ingress-|-open$/g, ''));
    return `${address} ${groups.sort().join(' ')}`;
  });
}

function difference(what: string, wanted: readonly string[], found: readonly string[]): string[] {
  const [right, there] = [new Set(wanted), new Set(found)];
  return [
    ...wanted.filter((one) => !there.has(one)).map((one) => `lacks the ${what} ${one}`),
    ...found.filter((one) => !right.has(one)).map((one) => `has a strange ${what} ${one}`),
  ];
}
