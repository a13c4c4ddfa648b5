import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as browserApi from '../../src/browser.ts';
import * as api from '../../src/index.ts';

describe('the public API', () => {
  it('is these names and no others', () => {
    expect(Object.keys(api).toSorted()).toEqual([
      'ACTIVATION_RANGES',
      'BnnqError',
      'CellStore',
      'CodeSpool',
      'EXPORT_FORMATS',
      'EmptyOptional',
      'LayerSolver',
      'LayerStore',
      'METHODS',
      'ONNX_FLAVORS',
      'PRESETS',
      'REPAIRS',
      'REPAIRS_WITH_IMAGES',
      'SCHEMES',
      'SCHEME_NAMES',
      'SENSITIVITY_FILES',
      'SETTING_NAMES',
      'TensorSequence',
      'VERSION',
      'allocate',
      'allocateToSize',
      'allocateUniformly',
      'calibrate',
      'candidateName',
      'candidatesOf',
      'checkPreprocess',
      'checkWritable',
      'checksum',
      'compareReports',
      'confirmAllocation',
      'contentFingerprint',
      'contentHash',
      'createClassifier',
      'createSession',
      'decodeImage',
      'dequantize',
      'discretize',
      'dropMeter',
      'encodePacked',
      'energyText',
      'exportC',
      'exportModel',
      'exportedSize',
      'floats',
      'hideSecrets',
      'holdOut',
      'inspectModel',
      'lossText',
      'meanCodeEntropy',
      'measureName',
      'measureSensitivity',
      'modelCost',
      'ndarrayOf',
      'notConverted',
      'openCalibration',
      'openDataset',
      'packedSize',
      'parseSize',
      'planWeights',
      'pointsOf',
      'preprocessImage',
      'quantize',
      'quantizeActivations',
      'rangeConflict',
      'readModel',
      'readModelBytes',
      'readNpy',
      'readPreprocess',
      'readReport',
      'readSensitivity',
      'recordedOptions',
      'repairConflict',
      'reportCsv',
      'reportFiles',
      'reportHtml',
      'reportJson',
      'reportMarkdown',
      'score',
      'sensitivity',
      'smallestWithin',
      'sweep',
      'verifyModel',
      'widthsAround',
      'workQueue',
      'writeFileAtomically',
      'writeNpy',
      'writePacked',
    ]);
  });

  it('is these names and no others for browsers', () => {
    expect(Object.keys(browserApi).toSorted()).toEqual([
      'BnnqError',
      'PRESETS',
      'checkPreprocess',
      'checksum',
      'createClassifier',
      'createSession',
      'decodeImage',
      'preprocessImage',
      'readModel',
    ]);
  });

  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(api.VERSION).toBe(version);
  });
});
