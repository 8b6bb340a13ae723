// Owns how an entry of a network ACL is read from a request.

import { parseCidr, renderCidr } from '@ironbark/core/ipv4.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { LAST_RULE } from '../app/network-acls.ts';
import { invalidValue, missingParameter, notOffered } from '../app/refusals.ts';
import { NETWORK_ACL, parseId } from '../app/resource-ids.ts';
import type { NetworkAclEntryRow } from '../store/network-schema.ts';
import { toFlag } from '../store/schema.ts';

type Input = Ec2Input<'CreateNetworkAclEntry'>;

const ICMP = 1;
const [TCP, UDP] = [6, 17];
const MAX_PORT = 65_535;
const NAMES: Readonly<Record<string, number>> = { all: -1, tcp: TCP, udp: UDP, icmp: ICMP };

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
  if (input.Ipv6CidrBlock !== undefined) throw notOffered('The parameter Ipv6CidrBlock');
  const key = parseEntryKey(input);
  if (input.RuleAction === undefined) throw missingParameter('RuleAction');
  if (input.CidrBlock === undefined) throw missingParameter('CidrBlock');
  const block = input.CidrBlock.includes('/') ? parseCidr(input.CidrBlock) : undefined;
  if (block === undefined) {
    throw invalidValue('cidrBlock', input.CidrBlock.slice(0, 64), 'It is not a valid CIDR block.');
  }
  const protocol = parseProtocol(input.Protocol);
  return {
    ...key,
    isAllowed: toFlag(input.RuleAction === 'allow'),
    protocol,
    cidr: renderCidr(block),
    ...parseRange(protocol, input),
  };
}

/** EC2 takes numbers, and names for the usual ones. */
function parseProtocol(text: string | undefined): number {
  if (text === undefined) throw missingParameter('Protocol');
  const number = NAMES[text.toLowerCase()] ?? (/^(?:-1|\d{1,3})$/.test(text) ? Number(text) : NaN);
  if (number === 58) throw notOffered('ICMPv6');
  if (number >= -1 && number <= 255) return number;
  throw invalidValue('protocol', text.slice(0, 32), 'It is -1, or the number of a protocol.');
}

function parseRange(
  protocol: number,
  { PortRange, IcmpTypeCode }: Input,
): Pick<NetworkAclEntryRow, 'fromPort' | 'toPort'> {
  if (protocol === ICMP) {
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
