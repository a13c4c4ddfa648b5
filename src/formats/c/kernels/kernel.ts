/** A function of the C library, or a type; written where something needs it, and only there. */
export interface CKernel {
  readonly needs: readonly string[];
  readonly text: string;
}
