import { describe, expect, it } from 'vitest';
import type { Moments } from '../../src/quantizers/fit/moments.ts';
import { SortedSample } from '../../src/quantizers/fit/moments.ts';
import { quantizeWeight } from '../../src/quantizers/quantize-weight.ts';
import { laplaceSample } from './densities.ts';
import { levelError } from './level-error.ts';
import { expectPrinted } from './printed.ts';
import { rowLayout } from './samples.ts';

const COUNT = 65536;
const weight = Float32Array.from(laplaceSample());
const layout = rowLayout(COUNT);
const exact: Moments = new SortedSample(laplaceSample().map(Math.abs).sort());

describe('the sample of 65536 Laplace quantiles', () => {
  it('has the moments that the reference states', () => {
    expectPrinted(exact.energy / COUNT, '1.999733858');
    expectPrinted(exact.max, '11.090354889');
    expectPrinted(exact.sum / COUNT, '.999989423');
  });

  // float32 weights and levels move an MSE by some 1e-8 of itself.
  it.each([
    [2, '4.098658774', '.731942532'],
    [3, '.779573281', '.862347704'],
    [4, '.169970287', '.960384891'],
    [5, '.040671712', '.989988326'],
  ])('linear over ±max at %i bits', (bits, mse, correlation) => {
    const fit = quantizeWeight(weight, layout, { scheme: 'linear', bits, fit: 'max-range' });
    expect(fit.mse / Number(mse)).toBeCloseTo(1, 7);
    expectPrinted(fit.correlation, correlation, 2);
  });

  it.each([
    [2, 2.5936, 0.22888, '.35217848', '.907682391'],
    [3, 4.301, 0.4625, '.1267774', '.96778244'],
    [4, 6.117, 0.6429, '.0411402', '.9896601'],
    [5, 7.796, 0.7777, '.012868', '.9967774'],
  ])('exp at %i bits: MSE, ρ and (a, q)', (bits, a, q, mse, correlation) => {
    const fit = quantizeWeight(weight, layout, { scheme: 'exp', bits });
    expectPrinted(fit.mse, mse);
    expectPrinted(fit.correlation, correlation);
    // The optimum is flat: the (a, q) of the reference have its MSE, too, to the digits printed but for the last.
    const [ours, ratio] = fit.quantized.params;
    expect(Math.abs(ours / a - 1)).toBeLessThan(0.006);
    expect(Math.abs(ratio / q - 1)).toBeLessThan(0.001);
    const printed = Float64Array.from({ length: 2 ** (bits - 1) }, (_, j) => a * q ** j).reverse();
    const theirs = levelError(exact, printed) / COUNT;
    expectPrinted(theirs, mse, 1.5);
    expect(fit.mse).toBeLessThan(theirs * (1 + 1e-8));
  });

  // Ours are the exact optimum; the reference iterated Lloyd-Max to a local one, up to 1e-4 above.
  it.each([
    [2, 0.352178482, 0.907682391],
    [3, 0.10877817, 0.972421553],
    [4, 0.030611432, 0.992316606],
    [5, 0.008112715, 0.99796949],
  ])('codebook at %i bits is at least as good as Lloyd-Max', (bits, mse, correlation) => {
    const fit = quantizeWeight(weight, layout, { scheme: 'codebook', bits });
    expect(fit.mse).toBeLessThan(mse * (1 + 1e-8));
    expect(fit.mse).toBeGreaterThan(mse * (1 - 2e-4));
    expect(fit.correlation).toBeGreaterThan(correlation - 1e-9);
  });

  it.each([
    [2, '1.5377', '.3923872'],
    [3, '1.0336', '.1433060'],
    [4, '.65181', '.0505392'],
    [5, '.39565', '.0172901'],
  ])('the optimal linear Δ at %i bits', (bits, step, mse) => {
    const fit = quantizeWeight(weight, layout, { scheme: 'linear', bits });
    expectPrinted(fit.quantized.params[0], step);
    expectPrinted(fit.mse, mse);
  });
});
