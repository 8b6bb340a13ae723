// Owns the proof that our codecs say what the AWS SDK says: every operation, both directions, random values.

import { isDeepStrictEqual } from 'node:util';
import * as ec2Sdk from '@aws-sdk/client-ec2';
import * as iamSdk from '@aws-sdk/client-iam';
import * as stsSdk from '@aws-sdk/client-sts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { EC2_PROTOCOL } from '@ironbark/protocol/ec2/protocol.ts';
import { IAM_PROTOCOL } from '@ironbark/protocol/iam/protocol.ts';
import type { Operation } from '@ironbark/protocol/models/service-model.ts';
import { encodeInput } from '@ironbark/protocol/query/encode-input.ts';
import { findChild, parseXml, readMembers } from '@ironbark/protocol/query/parse-xml.ts';
import { decodeRequest, readRequestHead } from '@ironbark/protocol/query/request.ts';
import type { WireProtocol } from '@ironbark/protocol/query/wire-protocol.ts';
import { STS_PROTOCOL } from '@ironbark/protocol/sts/protocol.ts';
import type { Figure } from '../../support/figures.ts';
import { randomStructure, type ShapeGenerator } from '../random-shape.ts';

export interface RoundTripOptions {
  seed: number;
  /** Random values of each operation's input and output. */
  casesPerOperation: number;
}

export interface RoundTripResult {
  service: string;
  operations: number;
  cases: number;
  /** What differed, at most a few of each. */
  wrong: Record<Direction, string[]>;
}

type Direction = 'input' | 'output' | 'ownInput' | 'ownOutput';

interface Service {
  protocol: WireProtocol;
  sdk: Readonly<Record<string, unknown>>;
  clientName: string;
}

const SERVICES: readonly Service[] = [
  { protocol: EC2_PROTOCOL, sdk: ec2Sdk, clientName: 'EC2Client' },
  { protocol: STS_PROTOCOL, sdk: stsSdk, clientName: 'STSClient' },
  { protocol: IAM_PROTOCOL, sdk: iamSdk, clientName: 'IAMClient' },
];

/** CopySnapshot's middleware signs a URL of its own unless it is given one. */
const ALWAYS: ReadonlySet<string> = new Set(['PresignedUrl']);

export async function roundTrip(options: RoundTripOptions): Promise<RoundTripResult[]> {
  return await Promise.all(SERVICES.map((service) => roundTripService(service, options)));
}

export function roundTripFigures(results: readonly RoundTripResult[]): Figure[] {
  return results.flatMap((result) => [
    figure(
      `${result.service} operations sent by the SDK`,
      result.operations,
      sdkOperations(result.service),
    ),
    figure(`${result.service} requests of the SDK read wrongly`, result.wrong.input.length, 0),
    figure(`${result.service} answers read wrongly by the SDK`, result.wrong.output.length, 0),
    figure(
      `${result.service} requests of our client read wrongly`,
      result.wrong.ownInput.length,
      0,
    ),
    figure(
      `${result.service} answers read wrongly by our client`,
      result.wrong.ownOutput.length,
      0,
    ),
  ]);
}

function figure(name: string, value: number, bar: number): Figure {
  return { name, value, bar, ok: value === bar };
}

/** Counted in the SDK itself, so that an operation missing from our model shows. */
function sdkOperations(service: string): number {
  const { sdk } = SERVICES.find((one) => one.protocol.model().service === service)!;
  return Object.keys(sdk).filter((name) => /^[A-Z]\w+Command$/.test(name)).length;
}

async function roundTripService(
  service: Service,
  options: RoundTripOptions,
): Promise<RoundTripResult> {
  const model = service.protocol.model();
  const random = seededRandom(options.seed);
  const wrong = { input: [], output: [], ownInput: [], ownOutput: [] };
  const run = new Run(service, wrong);
  let operations = 0;
  for (const name of model.operationNames) {
    if (service.sdk[`${name}Command`] === undefined) continue;
    operations += 1;
    const operation = model.findOperation(name)!;
    for (let at = 0; at < options.casesPerOperation; at++) {
      const input = generate(operation.input, { random, direction: 'input', always: ALWAYS });
      const output = generate(operation.output, { random, direction: 'output', always: new Set() });
      await run.throughSdk(operation, input, output);
      run.throughOurs(operation, input, output);
    }
  }
  const cases = operations * options.casesPerOperation;
  return { service: model.service, operations, cases, wrong };
}

function generate(shape: Operation['input'], generator: ShapeGenerator): Record<string, unknown> {
  return shape === undefined ? {} : randomStructure(shape, generator);
}

interface SdkRequest {
  body: string;
}

interface SdkClient {
  send(command: unknown): Promise<object>;
}

type Constructor<Made> = new (options: object) => Made;

/** One client of the SDK whose requests stay in this process. */
class Run {
  readonly #service: Service;
  readonly #wrong: Record<Direction, string[]>;
  readonly #client: SdkClient;
  #answer = '';
  #sent = '';

  constructor(service: Service, wrong: Record<Direction, string[]>) {
    this.#service = service;
    this.#wrong = wrong;
    const Client = service.sdk[service.clientName] as Constructor<SdkClient>;
    this.#client = new Client({
      endpoint: 'http://127.0.0.1:1',
      region: 'test-1',
      credentials: { accessKeyId: 'AKIAROUNDTRIP', secretAccessKey: 'secret' },
      maxAttempts: 1,
      requestHandler: { handle: (request: SdkRequest) => this.#handle(request) },
    });
  }

  async throughSdk(operation: Operation, input: object, output: object): Promise<void> {
    this.#answer = this.#render(operation, output);
    const Command = this.#service.sdk[`${operation.name}Command`] as Constructor<unknown>;
    const answer: Record<string, unknown> = { ...(await this.#client.send(new Command(input))) };
    delete answer['$metadata'];
    this.#compare('input', operation.name, this.#decode(this.#sent), input);
    this.#compare('output', operation.name, answer, output);
  }

  throughOurs(operation: Operation, input: object, output: object): void {
    const { version, protocol, service } = this.#service.protocol.model();
    const style = protocol === 'ec2' ? 'flat' : 'member';
    const body = encodeInput(operation.name, version, operation.input, input, style);
    this.#compare('ownInput', operation.name, this.#decode(body), input);
    const root = parseXml(this.#render(operation, output));
    const node = service === 'ec2' ? root : findChild(root, `${operation.name}Result`)!;
    const parsed = operation.output === undefined ? {} : readMembers(operation.output, node);
    this.#compare('ownOutput', operation.name, parsed, output);
  }

  async #handle(request: SdkRequest): Promise<object> {
    this.#sent = request.body;
    const headers = { 'content-type': 'text/xml' };
    return { response: { statusCode: 200, headers, body: Buffer.from(this.#answer) } };
  }

  #render(operation: Operation, output: object): string {
    const { version } = this.#service.protocol.model();
    return this.#service.protocol.renderResponse(operation, output, { requestId: 'r-1', version });
  }

  #decode(body: string): unknown {
    const model = this.#service.protocol.model();
    try {
      return decodeRequest(model, readRequestHead(model, body)).input;
    } catch (error) {
      return error;
    }
  }

  #compare(direction: Direction, name: string, actual: unknown, expected: object): void {
    if (isDeepStrictEqual(plain(actual), plain(expected))) return;
    this.#wrong[direction].push(`${name}: got ${show(actual)}, expected ${show(expected)}`);
  }
}

/** Buffers and the SDK's own byte arrays as plain bytes, and no prototypes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Date || value instanceof Error) return value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

const MAX_SHOWN = 400;

function show(value: unknown): string {
  const text = value instanceof Error ? String(value) : JSON.stringify(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}...`;
}
