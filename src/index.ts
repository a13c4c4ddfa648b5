/**
 * The public API.
 *
 * ```ts
 * import { openDataset, quantize, readModel, score, writePacked } from 'bnn-quantize';
 *
 * const model = await readModel('model.onnx');
 * const { model: packed, layers } = quantize(model, { scheme: 'exp', bits: 3 });
 * const data = await openDataset('cifar10:test_batch.bin');
 * const scores = await score(packed, data, { preprocess: 'torch', against: model });
 * console.log(layers.length, scores.top1, scores.top1Interval, scores.agreement);
 * await writePacked(packed, 'model.bnnq');
 * ```
 */

export { BnnqError, type ErrorCode, type ErrorPlace } from './errors.ts';
export {
  type ActivationData,
  type ActivationFit,
  type ActivationOptions,
  type QuantizedActivations,
  quantizeActivations,
} from './eval/activations/quantize-activations.ts';
export {
  allocate,
  allocateUniformly,
  type Budget,
} from './eval/allocation/allocate.ts';
export { candidatesOf, widthsAround } from './eval/allocation/candidates.ts';
export { CellStore } from './eval/allocation/cell-store.ts';
export {
  type ConfirmedAllocation,
  type ConfirmHooks,
  type ConfirmOptions,
  confirmAllocation,
} from './eval/allocation/confirm-allocation.ts';
export { allocateToSize, type SizedAllocation } from './eval/allocation/fit-to-size.ts';
export {
  measureSensitivity,
  type SensitivityHooks,
  type SensitivityOptions,
} from './eval/allocation/measure-sensitivity.ts';
export { parseSize } from './eval/allocation/parse-size.ts';
export type { OnSensitivityProgress, SensitivityProgress } from './eval/allocation/progress.ts';
export {
  type SensitivityRunHooks,
  type SensitivityRunOptions,
  sensitivity,
} from './eval/allocation/sensitivity.ts';
export {
  dropMeter,
  type MeasuredAllocation,
  smallestWithin,
  type WithinOptions,
} from './eval/allocation/smallest-within.ts';
export type { AllocatedLayer, Allocation } from './eval/allocation/table.ts';
export type { CalibrationBatches } from './eval/calibration/batches.ts';
export { openBatches as openCalibration } from './eval/calibration/batches.ts';
export {
  type CalibratedModel,
  type CalibrateHooks,
  type CalibrateSettings,
  type CalibrationProgress,
  calibrateModel as calibrate,
  type LayerCalibration,
  METHODS,
  type Method,
} from './eval/calibration/calibrate.ts';
export { holdOut } from './eval/calibration/hold-out.ts';
export { LayerSolver } from './eval/calibration/layer-solver.ts';
export { LayerStore } from './eval/calibration/layer-store.ts';
export { checkPreprocess } from './eval/check-preprocess.ts';
export {
  type Classification,
  type Classifier,
  type ClassifierOptions,
  type ClassifyOptions,
  type ClassScore,
  createClassifier,
} from './eval/classify.ts';
export { contentHash } from './eval/content-hash.ts';
export { type ModelCostOptions, modelCost } from './eval/cost/discretized-cost.ts';
export type { CostOptions, ModelCost, NodeCost } from './eval/cost/model-cost.ts';
export {
  type DiscretizedModel,
  type DiscretizeSettings,
  discretizeModel as discretize,
} from './eval/discretize-model.ts';
export { type CExportOptions, type CSize, type CSources, exportC } from './eval/export-c.ts';
export {
  EXPORT_FORMATS,
  type ExportFormat,
  type ExportOptions,
  exportedSize,
  exportModel,
  ONNX_FLAVORS,
} from './eval/export-model.ts';
export type { FormRefusal, FormSize } from './eval/form-sizes.ts';
export {
  type InspectedCodes,
  type InspectedLowBit,
  type InspectedOperator,
  type InspectedWeight,
  inspectModel,
  type ModelInspection,
} from './eval/inspect.ts';
export { type PointRange, type Points, pointsOf } from './eval/points.ts';
export { type PreprocessImageOptions, preprocessImage } from './eval/preprocess-image.ts';
export { PRESETS } from './eval/presets.ts';
export type { QueueOptions, QueueWorkerOptions, SubmitOptions } from './eval/queue/options.ts';
export { hideSecrets } from './eval/queue/secrets.ts';
export { type QueueWork, workQueue } from './eval/queue/work-queue.ts';
export { readPreprocess } from './eval/read-preprocess.ts';
export { readReport } from './eval/read-report.ts';
export { readSensitivity } from './eval/read-sensitivity.ts';
export { encodePacked, type PackOptions, packedSize, recordedOptions, writePacked } from './eval/save.ts';
export { type ScoreOptions, type ScoreResult, score } from './eval/score.ts';
export type { CalibrationSource, EvaluateOptions } from './eval/setup.ts';
export { type SweepOptions, type SweepProgress, sweep } from './eval/sweep/sweep.ts';
export type {
  Candidate,
  ComparablePoint,
  ComparableReport,
  CostSummary,
  Dataset,
  Energy,
  FailedPoint,
  FloatScores,
  LayerFit,
  LayerSensitivity,
  MeasuredSensitivity,
  OperationCount,
  OperationKind,
  Part,
  Pixels,
  PointSettings,
  Preprocess,
  Report,
  Sample,
  Scores,
  SensitivityCell,
  SensitivityReport,
  SensitivityTable,
  SweepPoint,
  Traffic,
  UniformChoice,
} from './eval/types.ts';
export { contentFingerprint, type UsedSamples } from './formats/datasets/content-fingerprint.ts';
export { openDataset } from './formats/datasets/open-dataset.ts';
export { checkWritable, type WriteOptions, writeFileAtomically } from './formats/file.ts';
export { decodeImage } from './formats/images/decode-image.ts';
export { notConverted } from './formats/keras/not-converted.ts';
export { readNpy, writeNpy } from './formats/npy/npy.ts';
export type { OnnxFlavor } from './formats/onnx/export/export-onnx.ts';
export type { OnnxFileSize } from './formats/onnx/file-size.ts';
export { CodeSpool } from './formats/packed/code-spool.ts';
export type { PackedSize } from './formats/packed/pack.ts';
export { type ReadModelOptions, readModel, readModelBytes } from './formats/read-model.ts';
export { meanCodeEntropy } from './ir/code-entropy.ts';
export type {
  Attribute,
  ContainerType,
  Dim,
  FunctionBody,
  Graph,
  Initializer,
  Model,
  ModelSource,
  Node,
  Value,
  ValueType,
} from './ir/graph.ts';
export { dequantize, type Granularity, type QuantizedTensor, type RowLayout } from './ir/quantized-tensor.ts';
export type { KernelChoice } from './kernels/select.ts';
export { ACTIVATION_RANGES, type ActivationRange, rangeConflict } from './quantizers/activations/range.ts';
export { REPAIRS, REPAIRS_WITH_IMAGES, type Repair, repairConflict } from './quantizers/calibrate/repair.ts';
export type { QuantizeOptions, QuantizeSettings } from './quantizers/options.ts';
export {
  type PlannedWeight,
  planWeights,
  type WeightPlan,
} from './quantizers/plan/plan-weights.ts';
export type { SkippedWeight } from './quantizers/plan/weight-uses.ts';
export {
  type LayerReport,
  type ModelSettings,
  type QuantizedModel,
  quantizeModel as quantize,
} from './quantizers/quantize-model.ts';
export { SCHEME_NAMES, SCHEMES } from './quantizers/registry.ts';
export type { Scheme } from './quantizers/scheme.ts';
export {
  type ComparedPoint,
  type CompareOptions,
  type Comparison,
  compareReports,
  type PairedTest,
  type PointTest,
} from './report/compare/compare.ts';
export { SETTING_NAMES } from './report/compare/settings.ts';
export { reportCsv } from './report/csv.ts';
export { energyText } from './report/energy-text.ts';
export { reportHtml } from './report/html/page.ts';
export { reportJson } from './report/json.ts';
export { reportMarkdown } from './report/markdown.ts';
export { reportFiles } from './report/report-files.ts';
export { SENSITIVITY_FILES } from './report/sensitivity-files.ts';
export { candidateName, lossText, measureName } from './report/sensitivity-format.ts';
export type { Feeds, ValueFeeds } from './runtime/feeds.ts';
export {
  createSession,
  type LayerArithmetic,
  type RunOptions,
  type Session,
  type SessionOptions,
} from './runtime/session.ts';
export { EmptyOptional, type RuntimeValue, TensorSequence } from './runtime/values.ts';
export { type Verification, type VerifyOptions, verifyModel } from './runtime/verify.ts';
export { checksum } from './tensor/checksum.ts';
export type { DataType } from './tensor/dtype.ts';
export { ndarrayOf } from './tensor/ndarray-view.ts';
export { floats, type NumericArray, type Tensor } from './tensor/tensor.ts';
export { VERSION } from './version.ts';
