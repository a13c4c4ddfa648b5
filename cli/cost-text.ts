import { type Energy, energyText, type ModelCost, type NodeCost, type Part } from '../src/index.ts';
import { coloursFor } from './terminal/colour.ts';
import { formatBytes, grouped, plural, printable } from './terminal/format.ts';
import { outputWidth } from './terminal/output.ts';
import { pairs, table } from './terminal/table.ts';

const PART_NAMES: Readonly<Record<Part, string>> = {
  binary: 'binary (1 bit)',
  lowBit: 'low-bit (2–8 bits)',
  float: 'float (16 bits and more)',
};

/** What `cost` prints: the layers, the parts, the operations, and what was assumed. */
export function costText(cost: ModelCost): string {
  const parts = [nodeTable(cost), partTable(cost), operationTable(cost), facts(cost)];
  const { uncounted = [] } = cost;
  if (uncounted.length > 0)
    parts.push(['without the arithmetic of:', ...uncounted.map((one) => `  ${printable(one)}`)].join('\n'));
  return parts.join('\n\n');
}

/** Layers a line each; other nodes a line an operator, behind the layers. */
function nodeTable(cost: ModelCost): string {
  const layers = cost.nodes.filter(({ factors }) => factors !== null);
  const others = new Map<string, NodeCost[]>();
  for (const node of cost.nodes)
    if (node.factors === null) others.set(node.opType, [...(others.get(node.opType) ?? []), node]);
  const row = (name: string, of: string, nodes: readonly NodeCost[], factors: string): string[] => {
    const sum = (field: keyof Energy): number =>
      nodes.reduce((total, { energy }) => total + energy[field], 0);
    const macs = nodes.reduce((total, one) => total + one.macs, 0);
    const weights = nodes.reduce((total, { traffic }) => total + traffic.weights, 0);
    return [
      name,
      of,
      factors,
      macs === 0 ? '' : grouped(macs),
      weights === 0 ? '' : formatBytes(weights),
      energyText(sum('compute')),
      energyText(sum('sram')),
      energyText(sum('dram')),
      energyText(sum('total')),
      share(sum('total'), cost.energy.total),
    ];
  };
  const rows = [
    ...layers.map((one) => row(one.node, one.opType, [one], one.factors ?? '')),
    ...[...others].map(([opType, nodes]) => row(plural(nodes.length, 'node'), opType, nodes, '')),
    row('all', '', cost.nodes, ''),
  ];
  const columns = [
    { head: 'layer', align: 'left', shrinks: true },
    { head: 'of', align: 'left' },
    { head: 'weight × input', align: 'left' },
    { head: 'MACs' },
    { head: 'constants' },
    { head: 'compute' },
    { head: 'SRAM' },
    { head: 'DRAM' },
    { head: 'energy' },
    { head: 'share' },
  ] as const;
  return table(columns, rows, outputWidth(), coloursFor(process.stdout).bold);
}

function partTable({ parts, energy }: ModelCost): string {
  const row = (name: string, one: Energy): string[] => [
    name,
    energyText(one.compute),
    share(one.compute, energy.compute),
    energyText(one.sram),
    energyText(one.dram),
    energyText(one.total),
    share(one.total, energy.total),
  ];
  const rows = (Object.keys(PART_NAMES) as Part[]).map((part) => row(PART_NAMES[part], parts[part]));
  const columns = [
    { head: 'part', align: 'left' },
    { head: 'compute' },
    { head: 'of it' },
    { head: 'SRAM' },
    { head: 'DRAM' },
    { head: 'energy' },
    { head: 'share' },
  ] as const;
  return table(columns, rows, outputWidth(), coloursFor(process.stdout).bold);
}

function operationTable({ operations, energy }: ModelCost): string {
  const rows = operations
    .toSorted((a, b) => b.energy - a.energy)
    .map((one) => [
      one.kind,
      one.width,
      PART_NAMES[one.part],
      grouped(one.count),
      energyText(one.energy),
      share(one.energy, energy.compute),
    ]);
  const columns = [
    { head: 'operation', align: 'left' },
    { head: 'bits' },
    { head: 'part', align: 'left' },
    { head: 'count' },
    { head: 'energy' },
    { head: 'of compute' },
  ] as const;
  return table(columns, rows, outputWidth(), coloursFor(process.stdout).bold);
}

function facts({ traffic, peakBytes, sramBytes, weightsIn, macs, energy }: ModelCost): string {
  const room = sramBytes < peakBytes ? `, of ${formatBytes(peakBytes)} that are alive at once` : '';
  return pairs([
    ['energy', `${energyText(energy.total)} a sample, ${grouped(macs)} MACs`],
    [
      'constants',
      `${formatBytes(traffic.weights)} read from ${weightsIn === 'dram' ? 'DRAM' : 'an SRAM of their own'}`,
    ],
    [
      'activations',
      `${formatBytes(traffic.sram)} through an SRAM of ${formatBytes(sramBytes)}${room}; ${formatBytes(traffic.dram)} through DRAM`,
    ],
    [
      'model',
      'arithmetic and memory in 45 nm (Horowitz, ISSCC 2014): an estimate, not the measurement of a device',
    ],
  ]);
}

function share(part: number, all: number): string {
  return all === 0 ? '–' : `${((100 * part) / all).toFixed(1)} %`;
}
