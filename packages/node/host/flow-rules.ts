// Owns how flows of interfaces that have a flow log are counted by nftables, and what was counted is read.
//
// A packet is counted where it comes to the rules of its sender's end and again behind them, and so at the receiver's
// (forward-priorities.ts). What was counted before and not behind them was refused by a group or an ACL. For that to be exact
// there are two halves of all sets, in use by turns: a bit of the packet's mark says in which one it was counted first, and
// it is counted in the same one behind the rules, whichever is in use by then. One that was not counted first, because
// the set was full, has no bit and is not counted again.

import type { FlowRecord } from '@ironbark/protocol/internal/flow-messages.ts';
import { FLOWS_CAME, FLOWS_COMING, FLOWS_LEAVING, FLOWS_LEFT } from './forward-priorities.ts';

export type Half = 'a' | 'b';

/** Bits of a packet's mark, while rules look at it. */
const MARKS: Readonly<Record<Half, string>> = { a: '0x00400000', b: '0x00800000' };
const BOTH = '0x00c00000';
const NEITHER = '0xff3fffff';
const HALVES = ['a', 'b'] as const;
/** Flows that a set holds, of all interfaces of a place; what comes beyond is skipped, and said to be. */
export const MAX_FLOWS = 16_384;
/** The interfaces that it is said of. */
const MAX_SKIPPED = 65_535;
/** TCP, UDP, DCCP, SCTP and UDP-Lite: their headers begin with the two ports. */
const WITH_PORTS = '{ 6, 17, 33, 132, 136 }';
const ENDS = [
  { before: 'leaving', behind: 'left', at: FLOWS_LEAVING, next: FLOWS_LEFT, own: 'saddr' },
  { before: 'coming', behind: 'came', at: FLOWS_COMING, next: FLOWS_CAME, own: 'daddr' },
] as const;

/** Replaces the whole table. `addresses`: of the interfaces that are counted. */
export function renderFlowTable(table: string, addresses: readonly string[], half: Half): string {
  const place = `ip ${table}`;
  const ends = ENDS.flatMap(({ before, behind, at, next, own }) => [
    ...HALVES.flatMap((each) => [
      ...[before, behind].map((stage) => renderSets(stage, each)),
      renderChain(`count-${before}-${each}`, [
        ...countRules(before, each, ` meta mark set meta mark or ${MARKS[each]}`),
        `add @skipped-${each} { ip ${own} }`,
      ]),
      renderChain(`count-${behind}-${each}`, [
        `meta mark set meta mark and ${NEITHER}`,
        ...countRules(behind, each),
      ]),
    ]),
    renderChain(before, [hook(at), startRule({ before, own }, addresses, half)]),
    renderChain(behind, [
      hook(next),
      ...HALVES.map(
        (each) => `meta mark and ${BOTH} == ${MARKS[each]} goto count-${behind}-${each}`,
      ),
    ]),
  ]);
  const skipped = HALVES.map((each) => renderSet(`skipped-${each}`, 'ipv4_addr', MAX_SKIPPED));
  return `${renderFlowRemoval(table)}table ${place} {\n${[...skipped, ...ends].join('')}}\n`;
}

export function renderFlowRemoval(table: string): string {
  return `add table ip ${table}\ndelete table ip ${table}\n`;
}

/** From now on these are counted, in that half. */
export function renderFlowStart(table: string, addresses: readonly string[], half: Half): string {
  return ENDS.map(({ before, own }) => {
    const chain = `ip ${table} ${before}`;
    return `flush chain ${chain}\nadd rule ${chain} ${startRule({ before, own }, addresses, half)}\n`;
  }).join('');
}

/** Of a half that was read. */
export function renderFlowFlush(table: string, half: Half): string {
  return setNames(half)
    .map((name) => `flush set ip ${table} ${name}\n`)
    .join('');
}

function setNames(half: Half): string[] {
  const stages = ENDS.flatMap(({ before, behind }) => [before, behind]);
  return [
    ...stages.flatMap((stage) => [`${stage}-${half}`, `${stage}-other-${half}`]),
    `skipped-${half}`,
  ];
}

function hook(priority: number): string {
  return `type filter hook forward priority ${priority}; policy accept;`;
}

function startRule(
  { before, own }: Pick<(typeof ENDS)[number], 'before' | 'own'>,
  addresses: readonly string[],
  half: Half,
): string {
  return `ip ${own} { ${addresses.join(', ')} } goto count-${before}-${half}`;
}

/** Where there is no room for a new flow the rule ends before its last words. */
function countRules(stage: string, half: Half, then = ''): string[] {
  const key = 'ip saddr . ip daddr . meta l4proto';
  return [
    `meta l4proto ${WITH_PORTS} update @${stage}-${half} { ${key} . th sport . th dport counter }${then} return`,
    `meta l4proto != ${WITH_PORTS} update @${stage}-other-${half} { ${key} counter }${then} return`,
  ];
}

function renderSets(stage: string, half: Half): string {
  const type = 'ipv4_addr . ipv4_addr . inet_proto';
  return [
    renderSet(`${stage}-${half}`, `${type} . inet_service . inet_service`, MAX_FLOWS),
    renderSet(`${stage}-other-${half}`, type, MAX_FLOWS),
  ].join('');
}

function renderSet(name: string, type: string, size: number): string {
  return `set ${name} { type ${type}; size ${size}; flags dynamic; }\n`;
}

function renderChain(name: string, lines: readonly string[]): string {
  return `chain ${name} {\n${lines.join('\n')}\n}\n`;
}

export interface CountedFlows {
  flows: FlowRecord[];
  /** Addresses of interfaces of which some were not counted. */
  skipped: ReadonlySet<string>;
}

interface Element {
  elem?: { val: { concat: (string | number)[] }; counter: { packets: number; bytes: number } };
}

type Listed = Element | string;

/** What `nft -j -p list table` shows of a half. */
export function parseFlowTable(text: string, half: Half): CountedFlows {
  const { nftables } = JSON.parse(text) as {
    nftables: { set?: { name: string; elem?: Listed[] } }[];
  };
  const sets = new Map(nftables.flatMap(({ set }) => (set ? [[set.name, set.elem ?? []]] : [])));
  const read = (stage: string) =>
    ['', '-other'].flatMap((kind) => (sets.get(`${stage}${kind}-${half}`) ?? []).map(readElement));
  const flows = ENDS.flatMap(({ before, behind, own }) => {
    const passed = new Map(read(behind).map((one) => [one.key, one]));
    const direction = own === 'saddr' ? 'egress' : 'ingress';
    return read(before).flatMap((all) => splitFlow(all, passed.get(all.key), direction));
  });
  const skipped = sets.get(`skipped-${half}`) ?? [];
  return { flows, skipped: new Set(skipped.filter((one) => typeof one === 'string')) };
}

interface Counted {
  key: string;
  parts: readonly (string | number)[];
  packets: number;
  bytes: number;
}

function readElement(listed: Listed): Counted {
  const { elem } = listed as Element;
  if (elem === undefined) throw new Error('nft lists a flow without its counter');
  return { key: elem.val.concat.join(' '), parts: elem.val.concat, ...elem.counter };
}

function splitFlow(
  all: Counted,
  passed: Pick<Counted, 'packets' | 'bytes'> = { packets: 0, bytes: 0 },
  direction: FlowRecord['direction'],
): FlowRecord[] {
  const [sourceIp, destinationIp, protocol, sourcePort = 0, destinationPort = 0] = all.parts;
  const five = {
    ...{ sourceIp: String(sourceIp), destinationIp: String(destinationIp) },
    protocol: Number(protocol),
    ...{ sourcePort: Number(sourcePort), destinationPort: Number(destinationPort) },
  };
  const rest = { packets: all.packets - passed.packets, bytes: all.bytes - passed.bytes };
  const fates = [
    { action: 'ACCEPT' as const, packets: passed.packets, bytes: passed.bytes },
    { action: 'REJECT' as const, ...rest },
  ];
  return fates
    .filter(({ packets }) => packets > 0)
    .map(({ action, ...counted }) => ({ direction, action, ...five, ...counted }));
}
