// Owns CreateInternetGateway.

import { createInternetGateway as makeGateway } from '../app/internet-gateways.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';
import { renderGateway } from './render-gateway.ts';

export const createInternetGateway: Ec2Handler<'CreateInternetGateway'> = async (
  app,
  context,
  input,
) => {
  const types = ['internet-gateway'] as const;
  const { 'internet-gateway': tags } = parseTagSpecifications(input.TagSpecifications, types);
  const row = await changeNetwork(app, context, (change) =>
    makeGateway(app, context, change, tags),
  );
  return { InternetGateway: renderGateway({ row, tags }) };
};
