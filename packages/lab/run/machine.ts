// Owns the size of the guests that are measured: small, so that what they cache is not what is measured, as the paper's was
// small against its transfers.

export const MEMORY_MIB = 384;
export const VCPUS = 2;
