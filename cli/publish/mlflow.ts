import { createHash } from 'node:crypto';
import { VERSION } from '../../src/index.ts';
import type { Measured, MeasuredPoint } from './measured.ts';
import type { MlflowServer } from './mlflow-client.ts';
import { experimentOf, findRun, logRun, type Metric, type RunContent } from './mlflow-runs.ts';

/** Tells a run by what it logged. */
const RESULT_TAG = 'bnn_quantize.result';

/** Runs of points that are logged side by side. */
const AT_ONCE = 4;

/** What the parent run draws as curves over bits, a curve for each setting of the other things. */
const CURVES = ['top1', 'agreement', 'packedBytes'] as const;

/**
 * Logs what was measured: several points as a run with a child for each, one as a run alone. What was logged before is not logged again: a
 * repeated command finds it by the hash of the result.
 * @param files for the run itself
 * @returns what stderr says
 */
export async function logToMlflow(
  server: MlflowServer,
  experimentName: string,
  measured: Measured,
  files: readonly string[],
): Promise<string> {
  const experiment = await experimentOf(server, experimentName);
  const result = resultHash(measured);
  const known = await findRun(server, experiment, RESULT_TAG, result);
  if (known !== undefined) return `MLflow: logged before as run ${known} of "${experimentName}"`;
  const { points } = measured;
  const base = baseOf(measured, result);
  const isAlone = measured.command !== 'sweep' && points.length === 1;
  const id = isAlone
    ? await logRun(server, experiment, joined(base, contentOf(points[0]!), files))
    : await logRun(
        server,
        experiment,
        { ...base, metrics: [...base.metrics, ...curves(points)], files },
        undefined,
        async (parent) => {
          for (let at = 0; at < points.length; at += AT_ONCE)
            await Promise.all(
              points
                .slice(at, at + AT_ONCE)
                .map((point) => logRun(server, experiment, contentOf(point), parent)),
            );
        },
      );
  return `MLflow: logged as run ${id} of "${experimentName}" on ${server.base}`;
}

/** Hash of all that was measured but the time that it took. */
export function resultHash(measured: Measured): string {
  const text = JSON.stringify([VERSION, measured], (key, value) => (key === 'seconds' ? undefined : value));
  return createHash('sha256').update(text).digest('hex');
}

function baseOf({ command, model, data, float, points }: Measured, result: string): RunContent {
  const gates = points.map((point) => point.gates);
  const isMet = gates.some((all) => all.every(({ met }) => met));
  return {
    name: `${command} ${model.file}`,
    params: {
      ...{ command, version: VERSION, model: model.file },
      ...(model.sha256 !== null && { sourceSha256: model.sha256 }),
      ...(model.bytes !== null && { modelBytes: model.bytes }),
      ...(data && { data: data.spec, dataFingerprint: data.fingerprint }),
    },
    metrics: metricsOf({ floatTop1: float?.top1, floatTop5: float?.top5 }, 0),
    tags: {
      [RESULT_TAG]: result,
      ...(gates.some((all) => all.length > 0) && { 'bnn_quantize.gates': isMet ? 'met' : 'not met' }),
    },
    files: [],
  };
}

/** A point: its settings as parameters, its values as metrics at the step that is its width. */
function contentOf({ name, settings, values, gates, files }: MeasuredPoint): RunContent {
  return {
    name,
    params: settings,
    metrics: metricsOf({ ...values }, Number(settings.bits ?? 0)),
    tags: Object.fromEntries(
      gates.map(({ gate, met }) => [`bnn_quantize.gate.${gate}`, met ? 'met' : 'not met']),
    ),
    files,
  };
}

function joined(a: RunContent, b: RunContent, files: readonly string[]): RunContent {
  return {
    name: a.name,
    params: { ...a.params, ...b.params },
    metrics: [...a.metrics, ...b.metrics],
    tags: { ...a.tags, ...b.tags },
    files: [...files, ...b.files],
  };
}

/** `top1/exp channel` at steps 1 to 8: MLflow draws curves whose steps are bits. */
function curves(points: readonly MeasuredPoint[]): Metric[] {
  return points.flatMap(({ series, settings, values }) => {
    const named = CURVES.map((curve) => [`${curve}/${series}`, values[curve]] as const);
    return metricsOf(Object.fromEntries(named), Number(settings.bits ?? 0));
  });
}

function metricsOf(values: Readonly<Record<string, number | null | undefined>>, step: number): Metric[] {
  return Object.entries(values).flatMap(([key, value]) =>
    typeof value === 'number' && Number.isFinite(value) ? [{ key: keyText(key), value, step }] : [],
  );
}

/** Letters, digits, `_ - . / ` and blanks, 250 of them at most: what every MLflow takes for a name. */
function keyText(key: string): string {
  return key.replaceAll(/[^\w\-./ ]/g, '_').slice(0, 250);
}
