// Owns EC2's service model, loaded when it is first needed.

import { loadServiceModel, type Operation, type ServiceModel } from '../models/service-model.ts';

let model: ServiceModel | undefined;

export function ec2Model(): ServiceModel {
  model ??= loadServiceModel('ec2');
  return model;
}

/** For a name that is known to be an operation; see {@link ServiceModel.findOperation} for others. */
export function getEc2Operation(name: string): Operation {
  const operation = ec2Model().findOperation(name);
  if (operation === undefined) throw new Error(`EC2 has no operation ${name}`);
  return operation;
}
