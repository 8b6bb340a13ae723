// Owns Service Quotas on the wire: its model, its target and the names of its exceptions.

import { createJsonWire, JSON_ERRORS } from '../document/json-wire.ts';
import { loadServiceModel, type ServiceModel } from '../models/service-model.ts';

let model: ServiceModel | undefined;

export function servicequotasModel(): ServiceModel {
  model ??= loadServiceModel('servicequotas');
  return model;
}

/** API Reference of Service Quotas, "Errors" of each operation. */
export const SERVICEQUOTAS_WIRE = createJsonWire({
  model: servicequotasModel,
  target: 'ServiceQuotasV20190624',
  errors: {
    ...JSON_ERRORS,
    'not-found': { any: ['NoSuchResourceException', 400] },
    'missing-parameter': {
      ...JSON_ERRORS['missing-parameter'],
      any: ['IllegalArgumentException', 400],
    },
    'invalid-parameter': {
      any: ['IllegalArgumentException', 400],
      'page-token': ['InvalidPaginationTokenException', 400],
    },
    throttled: { any: ['TooManyRequestsException', 400] },
    internal: { any: ['ServiceException', 500] },
  },
});
