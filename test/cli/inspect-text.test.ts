import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectText } from '../../cli/inspect-text.ts';
import { inspectModel } from '../../src/eval/inspect.ts';
import { sharedData } from '../shared-data.ts';

const nodeTests = sharedData('onnx-node-tests');
const models = sharedData('models');

describe('what inspect prints', () => {
  it.skipIf(nodeTests === undefined)(
    'is there for every operator test of ONNX (needs ../shared/data)',
    async () => {
      const failed: string[] = [];
      for (const name of readdirSync(nodeTests!)) {
        const file = join(nodeTests!, name, 'model.onnx');
        if (!existsSync(file)) continue;
        try {
          const text = inspectText(await inspectModel(file));
          for (const part of ['file', 'inputs', 'outputs', 'parameters', 'MACs'])
            if (!new RegExp(`^${part} `, 'm').test(text)) failed.push(`${name}: no ${part}`);
          if (/\bundefined\b|\[object/.test(text)) failed.push(`${name}: ${text}`);
        } catch (thrown) {
          failed.push(`${name}: ${thrown}`);
        }
      }
      expect(failed).toEqual([]);
    },
  );

  it.skipIf(models === undefined)(
    'names binary layers and what they multiply (needs ../shared/data)',
    async () => {
      const text = inspectText(await inspectModel(join(models!, 'TFC_1W2A.onnx')));
      expect(text).toMatch(
        /^42 +MatMul +\[64,784\] +50,176 +BipolarQuant +2 bits \(Quant\) +binary: 1 bit, kept as it is$/m,
      );
      expect(text).not.toContain('cannot be run here');
    },
  );
});
