// Owns the catalogue of instance types: names and sizes are AWS's
// (https://docs.aws.amazon.com/ec2/latest/instancetypes/gp.html and its siblings co.html, mo.html).

export interface InstanceType {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly burstable: boolean;
  readonly currentGeneration: boolean;
}

interface Family {
  readonly family: string;
  readonly burstable?: true;
  readonly previousGeneration?: true;
  /** Size: virtual processors and GiB of memory. */
  readonly sizes: Readonly<Record<string, readonly [vcpus: number, memoryGib: number]>>;
}

const T3_SIZES = {
  nano: [2, 0.5],
  micro: [2, 1],
  small: [2, 2],
  medium: [2, 4],
  large: [2, 8],
  xlarge: [4, 16],
  '2xlarge': [8, 32],
} as const;

const M_SIZES = {
  large: [2, 8],
  xlarge: [4, 16],
  '2xlarge': [8, 32],
  '4xlarge': [16, 64],
} as const;
const C_SIZES = { large: [2, 4], xlarge: [4, 8], '2xlarge': [8, 16], '4xlarge': [16, 32] } as const;
const R_SIZES = {
  large: [2, 16],
  xlarge: [4, 32],
  '2xlarge': [8, 64],
  '4xlarge': [16, 128],
} as const;

const FAMILIES: readonly Family[] = [
  {
    family: 't2',
    burstable: true,
    sizes: { ...T3_SIZES, nano: [1, 0.5], micro: [1, 1], small: [1, 2] },
  },
  { family: 't3', burstable: true, sizes: T3_SIZES },
  { family: 't3a', burstable: true, sizes: T3_SIZES },
  {
    family: 'm1',
    previousGeneration: true,
    sizes: { small: [1, 1.7], medium: [1, 3.7], large: [2, 7.5], xlarge: [4, 15] },
  },
  { family: 'm5', sizes: M_SIZES },
  { family: 'm6i', sizes: M_SIZES },
  { family: 'c5', sizes: C_SIZES },
  { family: 'c6i', sizes: C_SIZES },
  { family: 'r5', sizes: R_SIZES },
  { family: 'r6i', sizes: R_SIZES },
];

export const INSTANCE_TYPES: readonly InstanceType[] = FAMILIES.flatMap((family) =>
  Object.entries(family.sizes).map(([size, [vcpus, memoryGib]]) => ({
    name: `${family.family}.${size}`,
    vcpus,
    memoryMib: Math.floor(memoryGib * 1024),
    burstable: family.burstable === true,
    currentGeneration: family.previousGeneration !== true,
  })),
);

const BY_NAME = new Map(INSTANCE_TYPES.map((type) => [type.name, type]));

export function findInstanceType(name: string): InstanceType | undefined {
  return BY_NAME.get(name);
}
