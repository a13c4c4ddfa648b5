import { inspectModel, type Model, packedSize, planWeights } from '../src/index.ts';
import { EXIT } from './exit.ts';
import { candidatesOf, type QuantizeCommandOptions, type Target } from './quantize-file.ts';
import { nothingToDo } from './quantize-options.ts';
import { goalPlanText, planText, widthsPlanText } from './quantize-text.ts';
import { printJson, printText } from './terminal/output.ts';

/** Says what quantize would do. */
export async function dryRun(
  path: string,
  model: Model,
  targets: readonly Target[],
  options: QuantizeCommandOptions,
): Promise<number> {
  const { chosen, skipped } = planWeights(model, { include: options.include, exclude: options.exclude });
  if (chosen.length === 0) throw nothingToDo(skipped);
  const lowBit = new Map((await inspectModel(model)).lowBit.map((one) => [one.name, one]));
  const weights = chosen.map(({ name, count, shape }) => {
    const { bits = null, always = false } = lowBit.get(name) ?? {};
    return { name, count, shape, bits, always };
  });
  const files = targets.map((target) => {
    if (target.bits === null) {
      const { candidates, left } = candidatesOf(target.goal, model, options);
      return { ...target, candidates, left };
    }
    const codeBytes = weights.reduce((sum, { count, bits, always }) => {
      const isKept = bits !== null && (always || bits <= target.bits);
      return sum + Math.ceil((count * (isKept ? bits : target.bits)) / 8);
    }, 0);
    return { ...target, codeBytes };
  });
  const plans = files.map((file) =>
    file.bits === null ? goalPlanText(file, weights.length, options.calib!) : widthsPlanText(file),
  );
  if (options.json)
    printJson({
      dryRun: true,
      model: path,
      floatBytes: packedSize(model).total,
      outputs: files,
      weights,
      skipped,
    });
  else printText(planText(path, plans, weights, skipped));
  return EXIT.done;
}
