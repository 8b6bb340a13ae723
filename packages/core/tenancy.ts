// Owns which hypervisors keep the guests of different accounts apart.

/** How a node runs guests. */
export type Accelerator = 'kvm' | 'tcg' | 'simulated';

/**
 * Emulation is no boundary: QEMU's authors treat an escape from a guest under TCG as an ordinary bug (QEMU's
 * documentation, "Security", "Non-virtualization use case"). Simulated guests run nothing that could escape.
 */
export function isolatesTenants(accelerator: Accelerator): boolean {
  return accelerator !== 'tcg';
}
