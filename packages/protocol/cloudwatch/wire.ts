// Owns what the endpoint needs of a protocol that CloudWatch's clients speak.

import type { IncomingHttpHeaders } from 'node:http';
import type { Operation } from '../models/service-model.ts';

export interface WireRequest {
  method: string;
  /** Path and query. */
  target: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface WireAnswer {
  status: number;
  body: Buffer;
  headers: Readonly<Record<string, string>>;
}

export interface OpenedRequest {
  /** AWS's name of the operation, which may not exist. */
  action: string;
  decode(operation: Operation): Record<string, unknown>;
}

export interface CloudwatchWire {
  open(request: WireRequest): OpenedRequest;
  render(operation: Operation, output: object, requestId: string): WireAnswer;
  renderError(error: unknown, requestId: string): WireAnswer & { code: string };
}
