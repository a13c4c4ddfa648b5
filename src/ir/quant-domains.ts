const QUANT_DOMAINS: ReadonlySet<string> = new Set([
  'onnx.brevitas',
  'qonnx.custom_op',
  'qonnx.custom_op.general',
  'finn.custom_op',
  'finn.custom_op.general',
]);

/** Whether the domain is one of those in which Brevitas, QONNX and FINN have the same operators. */
export function isQuantDomain(domain: string): boolean {
  return QUANT_DOMAINS.has(domain);
}
