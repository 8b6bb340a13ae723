// Owns what an endpoint needs of a service's protocol, so that one handler serves EC2 and STS.

import type { Operation, ServiceModel } from '../models/service-model.ts';

export interface ResponseContext {
  requestId: string;
  /** The API version that the caller speaks; the answer's namespace has its date. */
  version: string;
}

export interface RenderedError {
  status: number;
  code: string;
  body: string;
}

export interface WireProtocol {
  model(): ServiceModel;
  renderResponse(operation: Operation, output: unknown, context: ResponseContext): string;
  renderError(error: unknown, requestId: string): RenderedError;
}
