// Owns IAM's service model, loaded when it is first needed.

import { loadServiceModel, type ServiceModel } from '../models/service-model.ts';

let model: ServiceModel | undefined;

export function iamModel(): ServiceModel {
  model ??= loadServiceModel('iam');
  return model;
}
