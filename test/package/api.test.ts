import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as api from '../../src/index.ts';

describe('the public API', () => {
  it('is these names and no others', () => {
    expect(Object.keys(api).toSorted()).toEqual([
      'BnnqError',
      'CodeSpool',
      'EmptyOptional',
      'PRESETS',
      'SCHEMES',
      'SCHEME_NAMES',
      'TensorSequence',
      'VERSION',
      'checkPreprocess',
      'checkWritable',
      'createSession',
      'dequantize',
      'encodePacked',
      'floats',
      'inspectModel',
      'ndarrayOf',
      'notConverted',
      'openDataset',
      'packedSize',
      'planWeights',
      'pointsOf',
      'quantize',
      'readModel',
      'readModelBytes',
      'readNpy',
      'readPreprocess',
      'recordedOptions',
      'reportCsv',
      'reportFiles',
      'reportHtml',
      'reportJson',
      'reportMarkdown',
      'score',
      'sweep',
      'verifyModel',
      'writeFileAtomically',
      'writeNpy',
      'writePacked',
    ]);
  });

  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(api.VERSION).toBe(version);
  });
});
