// Owns how an entry of a network ACL is read from a request.

import { parseCidr, renderCidr } from '@ironbark/core/ipv4.ts';
import { isIpv6Text, parseCidr6, renderCidr6 } from '@ironbark/core/ipv6.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { LAST_RULE } from '../app/network-acls.ts';
import { invalidCombination, invalidValue, missingParameter } from '../app/refusals.ts';
import { NETWORK_ACL, parseId } from '../app/resource-ids.ts';
import type { NetworkAclEntryRow } from '../store/network-schema.ts';
import { toFlag } from '../store/schema.ts';

type Input = Ec2Input<'CreateNetworkAclEntry'>;

const [ICMP, ICMPV6] = [1, 58];
const [TCP, UDP] = [6, 17];
const MAX_PORT = 65_535;
const NAMES: Readonly<Record<string, number>> = {
  all: -1,
  tcp: TCP,
  udp: UDP,
  icmp: ICMP,
  icmpv6: ICMPV6,
};

export function parseEntryKey(
  input: Pick<Input, 'NetworkAclId' | 'RuleNumber' | 'Egress'>,
): Pick<NetworkAclEntryRow, 'aclId' | 'ruleNumber' | 'isEgress'> {
  const aclId = parseId(NETWORK_ACL, input.NetworkAclId, 'NetworkAclId');
  const { RuleNumber: ruleNumber, Egress } = input;
  if (ruleNumber === undefined) throw missingParameter('RuleNumber');
  if (Egress === undefined) throw missingParameter('Egress');
  if (ruleNumber < 1 || ruleNumber >= LAST_RULE) {
    throw invalidValue('ruleNumber', ruleNumber, `It is 1 to ${LAST_RULE - 1}.`);
  }
  return { aclId, ruleNumber, isEgress: toFlag(Egress) };
}

export function parseEntry(input: Input): NetworkAclEntryRow {
  const key = parseEntryKey(input);
  if (input.RuleAction === undefined) throw missingParameter('RuleAction');
  const cidr = parseBlockOf(input);
  const protocol = parseProtocol(input.Protocol);
  if (protocol === ICMPV6 && !isIpv6Text(cidr)) {
    throw invalidValue('protocol', ICMPV6, 'ICMPv6 is of IPv6: give an Ipv6CidrBlock.');
  }
  return {
    ...key,
    isAllowed: toFlag(input.RuleAction === 'allow'),
    protocol,
    cidr,
    ...parseRange(protocol, input),
  };
}

/** Of the one family or the other. */
function parseBlockOf({ CidrBlock, Ipv6CidrBlock }: Input): string {
  if (CidrBlock !== undefined && Ipv6CidrBlock !== undefined) {
    throw invalidCombination('Give CidrBlock or Ipv6CidrBlock, not both.');
  }
  const text = CidrBlock ?? Ipv6CidrBlock;
  if (text === undefined) throw missingParameter('CidrBlock or Ipv6CidrBlock');
  if (CidrBlock === undefined) {
    const block = parseCidr6(text);
    if (block !== undefined) return renderCidr6(block);
    throw invalidValue('ipv6CidrBlock', text.slice(0, 64), 'It is not a valid IPv6 CIDR block.');
  }
  const block = text.includes('/') ? parseCidr(text) : undefined;
  if (block !== undefined) return renderCidr(block);
  throw invalidValue('cidrBlock', text.slice(0, 64), 'It is not a valid CIDR block.');
}

/** EC2 takes numbers, and names for the usual ones. */
function parseProtocol(text: string | undefined): number {
  if (text === undefined) throw missingParameter('Protocol');
  const number = NAMES[text.toLowerCase()] ?? (/^(?:-1|\d{1,3})$/.test(text) ? Number(text) : NaN);
  if (number >= -1 && number <= 255) return number;
  throw invalidValue('protocol', text.slice(0, 32), 'It is -1, or the number of a protocol.');
}

function parseRange(
  protocol: number,
  { PortRange, IcmpTypeCode }: Input,
): Pick<NetworkAclEntryRow, 'fromPort' | 'toPort'> {
  if (protocol === ICMP || protocol === ICMPV6) {
    if (IcmpTypeCode === undefined) throw missingParameter('IcmpTypeCode');
    return icmpRange(IcmpTypeCode.Type ?? -1, IcmpTypeCode.Code ?? -1);
  }
  if (protocol !== TCP && protocol !== UDP) return { fromPort: null, toPort: null };
  if (PortRange === undefined) throw missingParameter('PortRange');
  const { From: fromPort = -1, To: toPort = -1 } = PortRange;
  if (fromPort < 0 || toPort > MAX_PORT || fromPort > toPort) {
    throw invalidValue('portRange', `${fromPort}-${toPort}`, `Ports are 0 to ${MAX_PORT}.`);
  }
  return { fromPort, toPort };
}

function icmpRange(type: number, code: number) {
  const isGood = type >= -1 && type <= 255 && code >= -1 && code <= 255;
  if (isGood && (type !== -1 || code === -1)) return { fromPort: type, toPort: code };
  throw invalidValue('icmpTypeCode', `${type}/${code}`, 'Each is -1 to 255, -1 for all.');
}
