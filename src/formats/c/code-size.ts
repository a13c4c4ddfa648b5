import { neededKernels } from './kernels/registry.ts';

/**
 * Bytes of machine code of each function: arm-none-eabi-gcc 12, -Os -mcpu=cortex-m4 -mthumb, without a floating-point unit. What the
 * compiler's own library adds for floats is not counted.
 */
const CODE_BYTES: Readonly<Record<string, number>> = {
  tail: 94,
  bits: 84,
  plain_tables: 30,
  geometric_tables: 148,
  rows_f32: 224,
  rows_i16: 112,
  conv_line: 308,
  conv_f32: 208,
  conv_winograd_f32: 810,
  conv_f32_signs: 324,
  linear_f32: 200,
  affine_f32: 86,
  max_of: 78,
  min_of: 20,
  max_pool_f32: 268,
  average_pool_f32: 394,
  exponential: 356,
  hyperbolic_tangent: 176,
  hard_sigmoid_of: 54,
  softmax_f32: 226,
  round_f32: 70,
  quant_f32: 92,
  fill_f32: 16,
  fill_i32: 16,
  copy_f32: 168,
  copy_i32: 160,
  copy_u8: 142,
  add_f32: 196,
  sub_f32: 196,
  mul_f32: 196,
  div_f32: 196,
  max_f32: 196,
  min_f32: 196,
  neg_f32: 26,
  abs_f32: 56,
  sign_f32: 76,
  exp_f32: 40,
  sigmoid_f32: 84,
  tanh_f32: 40,
  leaky_relu_f32: 58,
  bipolar_f32: 56,
  hard_sigmoid_f32: 42,
  hard_swish_f32: 50,
  clip_f32: 44,
  codes_f32: 140,
  sum_codes: 216,
  dot_codes: 96,
  requantize: 54,
  conv_codes: 160,
  linear_codes: 50,
  conv_codes_f32: 208,
  linear_codes_f32: 78,
  conv_codes_run_f32: 236,
  linear_codes_run_f32: 112,
  dynamic_codes_f32: 220,
  pool_codes: 200,
  fixed_finish: 98,
  conv_codes_fixed: 182,
  codes_of_fixed: 86,
  fixed_of_codes: 22,
  add_fixed: 204,
  max_pool_fixed: 206,
  average_pool_fixed: 324,
  signs_f32: 190,
  sign_floats: 104,
  sum_signs: 284,
  conv_signs: 188,
  conv_signs_f32: 160,
  pool_signs: 272,
};

/** Loading the operands of a call. */
const CALL_BYTES = 24;

/** About how large the code of a network is. */
export function codeBytes(kernels: Iterable<string>, steps: number): number {
  let sum = steps * CALL_BYTES;
  for (const name of neededKernels(kernels)) sum += CODE_BYTES[name] ?? 0;
  return sum;
}
