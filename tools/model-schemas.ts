// Owns the walk over the SDK's schema tuples: operations and shapes, numbered and made compact.
//
// The tuples: `[9, ns, name, traits, input, output]` operation, `[3, ns, name, traits, members, schemas,
// requiredCount]` structure with its required members first, `[1, ns, name, traits, item]` list,
// `[0, ns, name, traits, scalar]` a scalar with traits, `[schema, traits]` a member; a function defers.

import type { Declarations } from './model-declarations.ts';

export interface ModelSource {
  service: string;
  source: string;
  protocol: 'ec2' | 'json' | 'query';
  version: string;
  namespace: string;
  /** Operations whose shapes are wanted; absent: all. */
  shaped?: readonly string[];
  hasMaps: boolean;
  exports: Record<string, unknown>;
  declarations: Declarations;
  paginators: readonly string[];
}

type Tuple = readonly unknown[];
type Traits = Readonly<Record<string, unknown>>;

/** The codes of scalars in the committed form; shapes count up from 0. */
const STRING = -1;
const INTEGER = -2;
const NUMBER = -3;
const BOOLEAN = -4;
const TIMESTAMP = -5;
const BLOB = -6;

/** The kind of a structure of which one member is there. */
const UNION = 4;

/** The flag in a member's numeric traits. */
const IDEMPOTENCY_TOKEN = 4;

/** The schemas say "number"; these are the request members that are not whole (botocore: float, double). */
const FRACTIONS: Readonly<Record<string, readonly string[]>> = {
  ClientData: ['UploadSize'],
  FleetLaunchTemplateOverridesRequest: ['WeightedCapacity', 'Priority'],
  LaunchTemplateOverrides: ['WeightedCapacity', 'Priority'],
  MemoryGiBPerVCpu: ['Min', 'Max'],
  MemoryGiBPerVCpuRequest: ['Min', 'Max'],
  MetricDatum: ['Value', 'Values', 'Counts'],
  NetworkBandwidthGbps: ['Min', 'Max'],
  NetworkBandwidthGbpsRequest: ['Min', 'Max'],
  PriceScheduleSpecification: ['Price'],
  PutMetricAlarmInput: ['Threshold'],
  ReservationFleetInstanceSpecification: ['Weight'],
  ReservedInstanceLimitPrice: ['Amount'],
  ServiceQuota: ['Value'],
  SpotFleetLaunchSpecification: ['WeightedCapacity'],
  SpotFleetRequestConfigData: ['FulfilledCapacity', 'OnDemandFulfilledCapacity'],
  StatisticSet: ['SampleCount', 'Sum', 'Minimum', 'Maximum'],
  TotalLocalStorageGB: ['Min', 'Max'],
  TotalLocalStorageGBRequest: ['Min', 'Max'],
};

/** Open sets: a cloud has instance types of its own, so the action checks the name and lists the valid ones. */
const OPEN_ENUMS: ReadonlySet<string> = new Set(['InstanceType']);

interface Walk {
  readonly source: ModelSource;
  readonly shapes: unknown[];
  readonly indexes: Map<unknown, number>;
  /** Structures whose values travel in a request; in an answer. */
  readonly inputs: ReadonlySet<Tuple>;
  readonly outputs: ReadonlySet<Tuple>;
}

export function buildModel(source: ModelSource): Record<string, unknown> {
  const operations = findOperations(source.exports);
  const isShaped = (name: unknown) => source.shaped?.includes(String(name)) ?? true;
  const shaped = operations.filter((operation) => isShaped(operation[2]));
  const walk: Walk = {
    source,
    shapes: [],
    indexes: new Map(),
    inputs: reach(shaped.map((operation) => operation[4])),
    outputs: reach(shaped.map((operation) => operation[5])),
  };
  const table = operations.map((operation) => {
    if (!shaped.includes(operation)) return [operation[2], [null, null]];
    return [operation[2], [rootIndex(operation[4], walk), rootIndex(operation[5], walk)]];
  });
  return {
    service: source.service,
    source: source.source,
    protocol: source.protocol,
    version: source.version,
    namespace: source.namespace,
    operations: Object.fromEntries(table),
    paginated: findPaginators(source.paginators),
    filters: findFilters(operations, source.declarations),
    shapes: walk.shapes,
  };
}

function findOperations(exports: Record<string, unknown>): Tuple[] {
  const found = Object.values(exports).filter(
    (value): value is Tuple => Array.isArray(value) && value[0] === 9,
  );
  return found.sort((left, right) => (String(left[2]) < String(right[2]) ? -1 : 1));
}

function resolve(schema: unknown): { schema: unknown; traits: Traits } {
  let traits: Traits = {};
  let current = schema;
  for (;;) {
    if (typeof current === 'function') current = (current as () => unknown)();
    else if (Array.isArray(current) && current.length === 2) {
      traits = { ...readTraits(current[1]), ...traits };
      current = current[0];
    } else if (Array.isArray(current) && current[0] === 0) current = current[4];
    else return { schema: current, traits };
  }
}

/** A number is a set of flags, of which only one matters here. */
function readTraits(traits: unknown): Traits {
  if (typeof traits === 'object') return traits as Traits;
  return (Number(traits) & IDEMPOTENCY_TOKEN) === 0 ? {} : { idempotencyToken: 1 };
}

/** Every structure reachable from these schemas. */
function reach(roots: readonly unknown[]): Set<Tuple> {
  const seen = new Set<Tuple>();
  const pending = [...roots];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { schema } = resolve(next);
    if (!Array.isArray(schema)) continue;
    if (schema[0] === 1) pending.push(schema[4]);
    else if (schema[0] === 2) pending.push(schema[5]);
    else if (!seen.has(schema)) {
      seen.add(schema);
      pending.push(...(schema[5] as unknown[]));
    }
  }
  return seen;
}

/** Unions, and maps of most services: no operation that is offered needs one, so such members are left out. */
function isLeftOut(member: unknown, walk: Walk): boolean {
  const { schema } = resolve(member);
  const { hasMaps } = walk.source;
  if (typeof schema === 'number') return (schema & 128) !== 0 && !hasMaps;
  const [kind] = schema as Tuple;
  if (kind === 1) return isLeftOut((schema as Tuple)[4], walk);
  return kind === UNION || (kind === 2 && !hasMaps);
}

function rootIndex(schema: unknown, walk: Walk): number | null {
  const root = resolve(schema).schema;
  return root === 'unit' ? null : structureIndex(root as Tuple, walk);
}

function structureIndex(tuple: Tuple, walk: Walk): number {
  const known = walk.indexes.get(tuple);
  if (known !== undefined) return known;
  if (tuple[0] !== 3)
    throw new Error(`schema kind ${String(tuple[0])} of ${String(tuple[2])} is new`);
  const index = walk.shapes.push(null) - 1;
  walk.indexes.set(tuple, index);
  const all = tuple[5] as unknown[];
  const names = (tuple[4] as string[]).filter((_, at) => !isLeftOut(all[at], walk));
  const schemas = all.filter((schema) => !isLeftOut(schema, walk));
  const members = names.map((name, at) => memberEntry(tuple, name, schemas[at], walk));
  const shape: Record<string, unknown> = { name: tuple[2], members };
  if (tuple[6] !== undefined) shape['required'] = tuple[6];
  const token = names.find((_, at) => resolve(schemas[at]).traits['idempotencyToken'] === 1);
  if (token !== undefined) shape['token'] = token;
  checkKeys(shape, walk);
  walk.shapes[index] = shape;
  return index;
}

/** `"Name"` for a plain string, else `[name, type, element?, key?]` with the defaults left out. */
function memberEntry(owner: Tuple, name: string, schema: unknown, walk: Walk): unknown {
  const { traits } = resolve(schema);
  const element = String(traits['xmlName'] ?? name);
  const key = requestKey(name, traits, walk.source.protocol);
  const entry: unknown[] = [name, typeCode(owner, name, schema, walk)];
  const ownElement = walk.outputs.has(owner) && element !== defaultElement(name, walk);
  const ownKey = walk.inputs.has(owner) && key !== name;
  if (ownElement || ownKey) entry.push(ownElement ? element : 0);
  if (ownKey) entry.push(key);
  return entry.length === 2 && entry[1] === STRING ? name : entry;
}

function defaultElement(name: string, walk: Walk): string {
  return walk.source.protocol === 'ec2' ? name.charAt(0).toLowerCase() + name.slice(1) : name;
}

function requestKey(name: string, traits: Traits, protocol: ModelSource['protocol']): string {
  const base = String(traits['xmlName'] ?? name);
  if (protocol !== 'ec2') return base;
  return String(traits['ec2QueryName'] ?? base.charAt(0).toUpperCase() + base.slice(1));
}

function typeCode(owner: Tuple, name: string, schema: unknown, walk: Walk): number {
  const structure = String(owner[2]);
  const declared = walk.source.declarations.interfaces.get(structure)?.get(name);
  if (declared === undefined) throw new Error(`${structure}.${name} has no declaration`);
  const base = schemaCode(schema, declared.enumName, walk);
  if (FRACTIONS[structure]?.includes(name) !== true) return base;
  if (base === INTEGER) return NUMBER;
  return intern(`list ${NUMBER} member`, { list: NUMBER, element: 'member' }, walk);
}

function schemaCode(member: unknown, enumName: string | undefined, walk: Walk): number {
  const { schema } = resolve(member);
  if (typeof schema === 'number') {
    if (schema & 128) return mapIndex(scalarCode(schema & 63, undefined, walk), walk);
    return schema & 64
      ? listIndex(schema & 63, 'member', enumName, walk)
      : scalarCode(schema, enumName, walk);
  }
  const tuple = schema as Tuple;
  if (tuple[0] === 2) return mapIndex(schemaCode(tuple[5], undefined, walk), walk);
  if (tuple[0] !== 1) return structureIndex(tuple, walk);
  const item = resolve(tuple[4]);
  return listIndex(tuple[4], String(item.traits['xmlName'] ?? 'member'), enumName, walk);
}

function scalarCode(schema: number, enumName: string | undefined, walk: Walk): number {
  if (schema === 0) return enumName === undefined ? STRING : enumIndex(enumName, walk);
  const code = { 1: INTEGER, 2: BOOLEAN, 4: TIMESTAMP, 5: TIMESTAMP, 21: BLOB }[schema];
  if (code === undefined) throw new Error(`schema number ${schema} is new`);
  return code;
}

function listIndex(
  item: unknown,
  element: string,
  enumName: string | undefined,
  walk: Walk,
): number {
  const code = schemaCode(item, enumName, walk);
  return intern(`list ${code} ${element}`, { list: code, element }, walk);
}

/** Keys are texts, and AWS's name for an item is always `entry`. */
function mapIndex(code: number, walk: Walk): number {
  return intern(`map ${code}`, { map: code }, walk);
}

function enumIndex(name: string, walk: Walk): number {
  if (OPEN_ENUMS.has(name)) return STRING;
  const values = walk.source.declarations.enums.get(name);
  return intern(`enum ${name}`, { enum: values }, walk);
}

function intern(identity: string, shape: unknown, walk: Walk): number {
  const known = walk.indexes.get(identity);
  if (known !== undefined) return known;
  const index = walk.shapes.push(shape) - 1;
  walk.indexes.set(identity, index);
  return index;
}

/** Two members with one key could not be told apart on the wire. */
function checkKeys(shape: Record<string, unknown>, walk: Walk): void {
  const keys = (shape['members'] as unknown[]).map((entry) => {
    return Array.isArray(entry) ? (entry[3] ?? entry[0]) : entry;
  });
  if (new Set(keys).size !== keys.length) {
    throw new Error(`${walk.source.service} ${String(shape['name'])}: two members share a key`);
  }
}

function findPaginators(texts: readonly string[]): Record<string, string[]> {
  const call = /createPaginator\(\w+, (\w+)Command, "(\w+)", "(\w+)", "(\w*)"\)/;
  const found = texts.map((text) => {
    const match = call.exec(text);
    if (match === null) throw new Error(`a paginator of a new form: ${text.slice(0, 200)}`);
    return [match[1]!, match.slice(2)] as [string, string[]];
  });
  return Object.fromEntries(found);
}

function findFilters(
  operations: readonly Tuple[],
  declarations: Declarations,
): Record<string, readonly string[]> {
  const found = operations.map((operation): [string, readonly string[]] => {
    const input = String((resolve(operation[4]).schema as Tuple)[2]);
    const members = declarations.interfaces.get(input);
    const filters = (members?.get('Filters') ?? members?.get('Filter'))?.filterNames ?? [];
    return [String(operation[2]), filters];
  });
  return Object.fromEntries(found.filter(([, names]) => names.length > 0));
}
