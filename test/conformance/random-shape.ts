// Owns random values of a model's shapes, repeatable from a seed.

import type { RandomSource } from '@ironbark/platform/random.ts';
import type { Shape, StructureShape } from '@ironbark/protocol/models/service-model.ts';

export interface ShapeGenerator {
  random: RandomSource;
  /**
   * A request cannot say "an empty structure", nor in EC2's protocol "an empty list", so neither is
   * generated for one.
   */
  direction: 'input' | 'output';
  /** Members that are always there, since the SDK fills them in by itself. */
  always: ReadonlySet<string>;
}

/** Some shapes contain themselves. */
const MAX_DEPTH = 6;
const TEXTS = [
  'a',
  'i-0123456789abcdef0',
  'a b',
  'a+b&c=d%20',
  '<x>&amp;"\'',
  'é€\u{1f600}',
  'two\nlines\r\nhere',
  '0',
  'true',
  'null',
  'x.1.y',
  '*',
];

export function randomStructure(
  shape: StructureShape,
  generator: ShapeGenerator,
  depth = 0,
): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const member of shape.members) {
    const forced = member.required || member.name === shape.tokenMember;
    const wanted = forced || generator.always.has(member.name) || chance(generator, depth);
    if (wanted) value[member.name] = randomValue(member.shape, generator, depth + 1);
  }
  return value;
}

function chance({ random }: ShapeGenerator, depth: number): boolean {
  return depth < MAX_DEPTH && random.fraction() < (depth === 0 ? 0.8 : 0.5);
}

function randomValue(shape: Shape, generator: ShapeGenerator, depth: number): unknown {
  const { random, direction } = generator;
  switch (shape.kind) {
    case 'structure': {
      const value = randomStructure(shape, generator, depth);
      const [first] = shape.members;
      if (direction === 'output' || first === undefined || Object.keys(value).length > 0) {
        return value;
      }
      return { [first.name]: randomValue(first.shape, generator, depth + 1) };
    }
    case 'list': {
      const length = depth > MAX_DEPTH ? 1 : below(random, 3) + (direction === 'input' ? 1 : 0);
      return Array.from({ length }, () => randomValue(shape.item, generator, depth + 1));
    }
    case 'map':
      return { a: randomValue(shape.value, generator, depth + 1) };
    case 'enum':
      return [...shape.values][below(random, shape.values.size)];
    case 'boolean':
      return random.fraction() < 0.5;
    case 'integer':
      return below(random, 2 ** 32) - 2 ** 31;
    case 'number':
      return below(random, 2 ** 20) / 64;
    case 'timestamp':
      return new Date(below(random, 2 ** 31) * 1000 + (random.fraction() < 0.5 ? 0 : 123));
    case 'blob':
      return new Uint8Array(random.bytes(1 + below(random, 40)));
    case 'string':
      return TEXTS[below(random, TEXTS.length)];
  }
}

function below(random: RandomSource, limit: number): number {
  return Math.floor(random.fraction() * limit);
}
