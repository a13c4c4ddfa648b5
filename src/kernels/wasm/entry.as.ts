/** Everything that the binary exports. */
export {
  countDifferences,
  floatsOfSums,
  gatherBits,
  gatherWords,
  repeatRows,
  signsOfSums,
  toSums,
} from '../binary/binary.as.ts';
export {
  channelsOfPixels,
  combineSigns,
  moveChannels,
  packSigns,
  padSigns,
  pixelsOfChannels,
  poolSigns,
  unpackSigns,
} from '../binary/maps.as.ts';
export { clearBytes, floatsOfBlocks, signsOfBlocks, spreadSigns, sumByTables } from '../binary/tables.as.ts';
export { decodePanels } from '../decode/decode.as.ts';
export { depthwise } from '../depthwise/depthwise.as.ts';
export { affine, binary } from '../elementwise/binary.as.ts';
export { unaryScalar, unaryVector } from '../elementwise/unary.as.ts';
export { multiply } from '../gemm/multiply.as.ts';
export { packPatches, packRows } from '../gemm/pack.as.ts';
export { padPlanes } from '../gemm/pad.as.ts';
export { codesOfSums, planesOfSums, rowsOfSums } from '../integer/finish.as.ts';
export { decodeShorts } from '../integer/decode-shorts.as.ts';
export { depthwiseShorts } from '../integer/depthwise-shorts.as.ts';
export { multiplyShorts } from '../integer/multiply-shorts.as.ts';
export { packShorts, padCodes, poolCodes, quantizeCodes, valueRange } from '../integer/codes.as.ts';
export { addFixed, codesOfFixed, fixedOfCodes, fixedOfSums, poolFixed } from '../integer/fixed.as.ts';
export { packPlanes, sumsOfCounts } from '../integer/serial.as.ts';
export { multiplyBytes, multiplyNibbles, multiplyPlanes, multiplySteps, tablesOfCodes } from '../integer/vector.as.ts';
export { multiplyTiles, transformInput, transformWeights } from '../integer/winograd.as.ts';
export { finishVector, multiplyVector } from '../linear/multiply-vector.as.ts';
export { cholesky, substitute } from '../linear-algebra/cholesky/cholesky.as.ts';
export { addProducts } from '../linear-algebra/gram/gram.as.ts';
export { addLevelSums } from '../linear-algebra/level-sums/level-sums.as.ts';
export { descendRows, roundRows } from '../linear-algebra/rounding/rounding.as.ts';
export { subtractMatrixProduct } from '../linear-algebra/subtract.as.ts';
export { divideByCounts, maxPool } from '../pool/pool.as.ts';
export { softmax } from '../softmax/softmax.as.ts';
export { winogradInput, winogradMultiply, winogradWeights } from '../winograd/winograd.as.ts';
export { placeThread } from './thread-memory.as.ts';

/** First byte that the compiler's own data does not use. */
export function heapBase(): usize {
  return __heap_base;
}
