// Owns CloudTrail on the wire: its model, its target and the names of its exceptions.

import { createJsonWire, JSON_ERRORS } from '../document/json-wire.ts';
import { loadServiceModel, type ServiceModel } from '../models/service-model.ts';

let model: ServiceModel | undefined;

export function cloudtrailModel(): ServiceModel {
  model ??= loadServiceModel('cloudtrail');
  return model;
}

/** API Reference of CloudTrail, "LookupEvents", Errors. */
export const CLOUDTRAIL_WIRE = createJsonWire({
  model: cloudtrailModel,
  target: 'CloudTrail_20131101',
  errors: {
    ...JSON_ERRORS,
    'invalid-parameter': {
      any: ['ValidationException', 400],
      'lookup-attributes': ['InvalidLookupAttributesException', 400],
      'max-results': ['InvalidMaxResultsException', 400],
      'page-token': ['InvalidNextTokenException', 400],
      'time-range': ['InvalidTimeRangeException', 400],
    },
  },
});
