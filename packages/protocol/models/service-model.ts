// Owns the committed service models in memory: operations and shapes, built when first asked for.
//
// The files are written by `npm run models`. A shape is `{list, element}`, `{map}`, `{enum}` or `{name, members,
// required?, token?}`; a type is a shape's index or one of the negative codes of SCALARS; a member is
// `"Name"` (a string) or `[name, type, element?, key?]`, where 0 stands for "as usual".

import { readFileSync } from 'node:fs';

export type ScalarKind = 'string' | 'integer' | 'number' | 'boolean' | 'timestamp' | 'blob';

export interface ScalarShape {
  readonly kind: ScalarKind;
}

export interface EnumShape {
  readonly kind: 'enum';
  readonly values: ReadonlySet<string>;
}

export interface ListShape {
  readonly kind: 'list';
  /** What one item is called in an answer. */
  readonly element: string;
  readonly item: Shape;
}

/** From texts to values. */
export interface MapShape {
  readonly kind: 'map';
  readonly value: Shape;
}

export interface StructureShape {
  readonly kind: 'structure';
  readonly name: string;
  readonly members: readonly Member[];
  readonly byName: ReadonlyMap<string, Member>;
  readonly byKey: ReadonlyMap<string, Member>;
  readonly byElement: ReadonlyMap<string, Member>;
  /** The member that makes a repeated request the same request. */
  readonly tokenMember: string | undefined;
}

export interface Member {
  readonly name: string;
  /** Its name in a request; in an answer. */
  readonly key: string;
  readonly element: string;
  readonly required: boolean;
  readonly shape: Shape;
}

export type Shape = ScalarShape | EnumShape | ListShape | MapShape | StructureShape;

export interface Operation {
  readonly name: string;
  readonly input: StructureShape | undefined;
  readonly output: StructureShape | undefined;
  /** Present where AWS's SDK pages by itself. */
  readonly pagination: Pagination | undefined;
  /** The names that AWS documents for `Filters`; `tag:<key>` not among them. */
  readonly filterNames: readonly string[];
}

export interface Pagination {
  readonly inputToken: string;
  readonly outputToken: string;
  /** Empty where pages have a fixed size. */
  readonly pageSize: string;
}

export interface ServiceModel {
  readonly service: string;
  /** The package and version that it was derived from. */
  readonly source: string;
  readonly protocol: 'ec2' | 'json' | 'query';
  readonly version: string;
  readonly namespace: string;
  readonly operationNames: readonly string[];
  findOperation(name: string): Operation | undefined;
}

type MemberEntry = string | readonly [string, number, (string | 0)?, string?];

interface ShapeEntry {
  list?: number;
  element?: string;
  map?: number;
  enum?: readonly string[];
  name?: string;
  members?: readonly MemberEntry[];
  required?: number;
  token?: string;
}

interface ModelFile {
  service: string;
  source: string;
  protocol: 'ec2' | 'json' | 'query';
  version: string;
  namespace: string;
  operations: Record<string, readonly [number | null, number | null]>;
  paginated: Record<string, readonly [string, string, string]>;
  filters: Record<string, readonly string[]>;
  shapes: readonly ShapeEntry[];
}

const STRING = -1;
const SCALARS: Readonly<Record<number, ScalarShape>> = {
  [STRING]: { kind: 'string' },
  [-2]: { kind: 'integer' },
  [-3]: { kind: 'number' },
  [-4]: { kind: 'boolean' },
  [-5]: { kind: 'timestamp' },
  [-6]: { kind: 'blob' },
};

/** Reads `<service>.json` of this folder. Callers keep the result: a megabyte is parsed each time. */
export function loadServiceModel(service: string): ServiceModel {
  const file = JSON.parse(readFileSync(new URL(`${service}.json`, import.meta.url), 'utf8'));
  return createServiceModel(file as ModelFile);
}

function createServiceModel(file: ModelFile): ServiceModel {
  const shapeAt = createShapes(file);
  const operations = new Map<string, Operation>();
  return {
    service: file.service,
    source: file.source,
    protocol: file.protocol,
    version: file.version,
    namespace: file.namespace,
    operationNames: Object.keys(file.operations),
    findOperation: (name) => {
      if (!Object.hasOwn(file.operations, name)) return undefined;
      const known = operations.get(name);
      if (known !== undefined) return known;
      const operation = createOperation(name, file, shapeAt);
      operations.set(name, operation);
      return operation;
    },
  };
}

function createOperation(
  name: string,
  file: ModelFile,
  shapeAt: (code: number) => Shape,
): Operation {
  const [input, output] = file.operations[name]!;
  const pages = file.paginated[name];
  return {
    name,
    input: input === null ? undefined : (shapeAt(input) as StructureShape),
    output: output === null ? undefined : (shapeAt(output) as StructureShape),
    pagination: pages && { inputToken: pages[0], outputToken: pages[1], pageSize: pages[2] },
    filterNames: file.filters[name] ?? [],
  };
}

/** Shapes refer to each other, some in circles: each is made once, and its parts when they are read. */
function createShapes(file: ModelFile): (code: number) => Shape {
  const made: (Shape | undefined)[] = [];
  const shapeAt = (code: number): Shape => {
    if (code < 0) return SCALARS[code]!;
    made[code] ??= createShape(file.shapes[code]!, file.protocol, shapeAt);
    return made[code];
  };
  return shapeAt;
}

function createShape(
  entry: ShapeEntry,
  protocol: ServiceModel['protocol'],
  shapeAt: (code: number) => Shape,
): Shape {
  if (entry.enum !== undefined) return { kind: 'enum', values: new Set(entry.enum) };
  if (entry.map !== undefined) return createMap(entry.map, shapeAt);
  if (entry.list === undefined) return createStructure(entry, protocol, shapeAt);
  const item = entry.list;
  return {
    kind: 'list',
    element: entry.element!,
    get item() {
      return shapeAt(item);
    },
  };
}

function createMap(value: number, shapeAt: (code: number) => Shape): Shape {
  return {
    kind: 'map',
    get value() {
      return shapeAt(value);
    },
  };
}

function createStructure(
  entry: ShapeEntry,
  protocol: ServiceModel['protocol'],
  shapeAt: (code: number) => Shape,
): StructureShape {
  const members = entry.members!.map((member, at): Member => {
    const [name, type, element, key] = typeof member === 'string' ? [member, STRING] : member;
    return {
      name,
      key: key ?? name,
      element: element || (protocol === 'ec2' ? lowerFirst(name) : name),
      required: at < (entry.required ?? 0),
      get shape() {
        return shapeAt(type);
      },
    };
  });
  return {
    kind: 'structure',
    name: entry.name!,
    members,
    byName: new Map(members.map((member) => [member.name, member])),
    byKey: new Map(members.map((member) => [member.key, member])),
    byElement: new Map(members.map((member) => [member.element, member])),
    tokenMember: entry.token,
  };
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
