// Owns what every query request has: its action, its version, its input decoded by the model.

import { ServiceError } from '@ironbark/core/errors.ts';
import { checkImageAttribute, missingWords } from '../ec2/missing-members.ts';
import type { Operation, ServiceModel } from '../models/service-model.ts';
import { decodeInput } from './decode-input.ts';
import { type FormNode, parseForm, quote } from './form.ts';

export interface RequestHead {
  readonly action: string;
  /** The API version that the caller speaks; the model's where it says nothing usable. */
  readonly version: string;
  readonly form: FormNode;
}

export interface DecodedRequest {
  readonly operation: Operation;
  readonly action: string;
  readonly version: string;
  readonly input: Record<string, unknown>;
  readonly dryRun: boolean;
}

const VERSION = /^\d{4}-\d{2}-\d{2}$/;

/** Parses query string and body together. Any version is taken: the API only ever grew. */
export function readRequestHead(model: ServiceModel, ...sources: readonly string[]): RequestHead {
  const form = parseForm(...sources);
  const action = form.children.get('Action')?.value ?? '';
  const version = form.children.get('Version')?.value ?? '';
  if (action !== '') {
    return { action, version: VERSION.test(version) ? version : model.version, form };
  }
  throw new ServiceError({
    kind: 'missing-parameter',
    resource: 'action',
    message: 'The request must contain the parameter Action.',
  });
}

/** The operation that a request names, implemented or not. */
export function findAction(model: ServiceModel, action: string): Operation {
  const operation = model.findOperation(action);
  if (operation !== undefined) return operation;
  throw new ServiceError({
    kind: 'unknown-action',
    resource: 'action',
    message: `The action ${quote(action)} is not valid for this web service.`,
  });
}

export function decodeRequest(model: ServiceModel, head: RequestHead): DecodedRequest {
  const operation = findAction(model, head.action);
  const style = model.protocol === 'ec2' ? 'flat' : 'member';
  if (model.protocol === 'ec2') {
    checkMissing(operation, head.form);
    checkImageAttribute(operation, head.form);
  }
  const input = decodeInput(operation.input, head.form, style);
  return {
    operation,
    action: head.action,
    version: head.version,
    input,
    dryRun: input['DryRun'] === true,
  };
}

/** Most of what is missing is said by the model; for some EC2 has words of its own. */
function checkMissing({ name, input }: Operation, form: FormNode): void {
  for (const member of input?.members ?? []) {
    if (!member.required || form.children.has(member.key)) continue;
    const words = missingWords(name, member.name);
    if (words !== undefined) throw words;
  }
}
