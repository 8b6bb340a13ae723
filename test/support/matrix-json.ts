// Owns the rows of the authorization matrix for the services with AWS's JSON protocol: every operation that is offered.

import { CLOUDTRAIL_ACTIONS } from '@ironbark/cloud/actions/table-cloudtrail.ts';
import { SERVICEQUOTAS_ACTIONS } from '@ironbark/cloud/actions/table-servicequotas.ts';
import type { JsonService } from '@ironbark/cloud/http/json-endpoint.ts';
import {
  answers,
  findTrace,
  type MatrixCase,
  type MatrixWorld,
  unsigned,
  wrongSecret,
} from './matrix-case.ts';
import { type Answer, type Caller, send } from './signed-call.ts';

interface Operation {
  service: JsonService;
  target: string;
  action: string;
  input: object;
}

/** Whatever a row does not say is not asked for. */
const INPUTS: Readonly<Record<string, object>> = {
  GetAWSDefaultServiceQuota: { ServiceCode: 'vpc', QuotaCode: 'L-F678F1CE' },
  GetServiceQuota: { ServiceCode: 'vpc', QuotaCode: 'L-F678F1CE' },
  ListAWSDefaultServiceQuotas: { ServiceCode: 'ebs' },
  ListServiceQuotas: { ServiceCode: 'ec2' },
};

function listOperations(): Operation[] {
  const of = (service: JsonService, target: string, actions: readonly string[]) =>
    actions.map((action) => ({ service, target, action, input: INPUTS[action] ?? {} }));
  return [
    ...of('servicequotas', 'ServiceQuotasV20190624', SERVICEQUOTAS_ACTIONS),
    ...of('cloudtrail', 'CloudTrail_20131101', CLOUDTRAIL_ACTIONS),
  ];
}

export function jsonCases({ owner, other, user }: MatrixWorld): MatrixCase[] {
  const isRight = answers(200, '');
  const ways: [string, Caller, MatrixCase['check']][] = [
    // Nothing says that an unsigned request is for these services, so EC2 refuses it.
    ['unsigned', unsigned(owner.caller), answers(403, 'MissingAuthenticationToken')],
    ['wrong secret', wrongSecret(owner.caller), answers(400, 'InvalidSignatureException')],
    ['denied user', user, answers(400, 'AccessDeniedException')],
    ['owner', owner.caller, isRight],
  ];
  const ofOther = (answer: Answer) => isRight(answer) ?? findTrace(answer, owner);
  return listOperations().flatMap((operation) => {
    // The calls that it made itself name whatever it tried to reach.
    const check = operation.action === 'LookupEvents' ? isRight : ofOther;
    const all = [...ways, ['another account', other.caller, check] as const];
    return all.map(([way, caller, isFine]) => ({
      name: `${operation.action}, ${way}`,
      send: () => call(caller, operation),
      check: isFine,
    }));
  });
}

function call(caller: Caller, { service, target, action, input }: Operation): Promise<Answer> {
  const type = { 'content-type': 'application/x-amz-json-1.1' };
  const headers = { ...type, 'x-amz-target': `${target}.${action}` };
  const body = JSON.stringify(input);
  return send(caller, { service, method: 'POST', target: '/', headers, body });
}
