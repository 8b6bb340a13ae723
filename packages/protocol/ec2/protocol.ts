// Owns EC2 as one of the protocols that an endpoint serves.

import type { WireProtocol } from '../query/wire-protocol.ts';
import { ec2Model } from './model.ts';
import { renderEc2Error } from './render-error.ts';
import { renderEc2Response } from './render-response.ts';

export const EC2_PROTOCOL: WireProtocol = {
  model: ec2Model,
  renderResponse: renderEc2Response,
  renderError: renderEc2Error,
};
