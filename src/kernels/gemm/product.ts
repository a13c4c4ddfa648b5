import { alignedBytes } from '../heap.ts';
import type { Range } from '../threads/ranges.ts';
import { type KernelCall, type KernelTask, ownScratch } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { PANEL_PIXELS, PANEL_ROWS } from './panels.ts';

/** A block of pixel panels is to stay in the second-level cache beside the weights that pass by. */
const PIXEL_BLOCK_BYTES = 192 * 1024;
/** Decoded once a block, codes want more pixels to a block; a larger one streams from the third level. */
const CODED_BLOCK_BYTES = 1024 * 1024;
/** Decoded panels that are in scratch at a time. */
const DECODED_BYTES = 64 * 1024;
/** A block of fewer pixels spends its time with reading the weights. */
const LEAST_PIXELS = 64;
/** Each thread decodes all weights for its own pixels, which costs about as much as multiplying them with 40 pixels (2.7 ns a weight). */
const LEAST_PIXELS_CODED = 1024;
/** What one thread does, about. */
const MACS_PER_NS = 15;

/** Weights [groups, rows, columns] times patches [groups, columns, pixels]. */
export interface Product {
  readonly groups: number;
  readonly rows: number;
  readonly columns: number;
  readonly pixels: number;
  /** Whether panels of weights are decoded in scratch, and what else the decoder writes behind them. */
  readonly isCoded: boolean;
  readonly decoderSpill: number;
}

/** The calls that a product consists of; addresses may be those of a thread's own scratch. */
export interface ProductCalls {
  /** Lays out the patches of `count` pixels from `first` on. */
  pack(group: number, first: number, count: number, patches: number): KernelCall;
  /** Decodes the panels of `rows` rows from `row` on; only called where the weights are coded. */
  decode(group: number, row: number, rows: number, decoded: number): KernelCall;
  multiply(
    group: number,
    row: number,
    rows: number,
    /** Where `decode` has put the panels. */
    decoded: number,
    patches: number,
    first: number,
    count: number,
  ): KernelCall;
}

/**
 * How a product is divided. By pixels, each thread lays out, decodes and multiplies for itself; where there are too few of them,
 * patches are laid out together and then each thread multiplies them with rows of its own.
 */
export interface ProductPlan {
  readonly product: Product;
  readonly isByRows: boolean;
  readonly pixelsPerBlock: number;
  readonly rowsPerBlock: number;
  readonly patchBytes: number;
  readonly sharedBytes: number;
  readonly ownBytes: number;
}

/** Pixels of a block that one thread works on. */
export function blockPixels(columns: number, isCoded: boolean): number {
  const bytes = isCoded ? CODED_BLOCK_BYTES : PIXEL_BLOCK_BYTES;
  return roundToPanels(Math.max(bytes / 4 / Math.max(columns, 1), 64));
}

/** @param mostPixels pixels of the largest of the products that the plan is for; `product.pixels` counts those of all */
export function planProduct(workspace: Workspace, product: Product, mostPixels: number): ProductPlan {
  const { groups, rows, columns, isCoded } = product;
  const decodedRows = Math.max(4, Math.floor(DECODED_BYTES / 16 / Math.max(columns, 1)) * 4);
  const rowsPerBlock = isCoded ? Math.min(decodedRows, rows) : rows;
  const decodedBytes = isCoded
    ? alignedBytes(Math.ceil(rowsPerBlock / PANEL_ROWS) * PANEL_ROWS * columns * 4 + product.decoderSpill)
    : 0;
  const most = blockPixels(columns, isCoded);
  const even = (parts: number): number => roundToPanels(mostPixels / parts);
  const { parts, isByRows } = partsOf(workspace, product, mostPixels);
  // Blocks of one size, and as many of them as there are parts.
  const blocks = Math.max(Math.ceil(mostPixels / most), isByRows ? 1 : Math.ceil(parts / groups));
  const pixelsPerBlock = Math.max(PANEL_PIXELS, Math.min(even(blocks), even(1)));
  const patchBytes = alignedBytes(columns * pixelsPerBlock * 4);
  return {
    product,
    isByRows,
    pixelsPerBlock,
    rowsPerBlock,
    patchBytes,
    sharedBytes: isByRows ? patchBytes : 0,
    ownBytes: (isByRows ? 0 : patchBytes) + decodedBytes,
  };
}

/** Into how many parts the pixels are divided, or that the rows are. */
function partsOf(
  workspace: Workspace,
  product: Product,
  mostPixels: number,
): { parts: number; isByRows: boolean } {
  const { groups, rows, isCoded } = product;
  const nanoseconds = productNanoseconds(product);
  const parts = workspace.parts(nanoseconds);
  const { threads } = workspace;
  const least = workspace.dividesAll ? PANEL_PIXELS : isCoded ? LEAST_PIXELS_CODED : LEAST_PIXELS;
  if (parts === 1 || (groups * mostPixels) / parts >= least) return { parts, isByRows: false };
  // The fewest pixels of a part decide, a panel being 8.
  const few = Math.floor(Math.ceil(mostPixels / PANEL_PIXELS) / threads) * PANEL_PIXELS;
  if (groups >= threads || few >= least) return { parts: threads, isByRows: false };
  if (rows >= threads * PANEL_ROWS) return { parts, isByRows: true };
  return { parts: threads, isByRows: false };
}

/** What a product takes one thread, about. */
export function productNanoseconds({ groups, rows, columns, pixels }: Product): number {
  return (groups * rows * columns * pixels) / MACS_PER_NS;
}

/**
 * Computes the product of `pixels` pixels.
 * @param shared address of `sharedBytes`
 */
export function runProduct(
  workspace: Workspace,
  plan: ProductPlan,
  shared: number,
  pixels: number,
  calls: ProductCalls,
): void {
  const { product, isByRows, pixelsPerBlock, patchBytes } = plan;
  const blocks = Math.ceil(pixels / pixelsPerBlock);
  const nanoseconds = productNanoseconds({ ...product, pixels });
  if (!isByRows) {
    const all = { from: 0, to: product.rows };
    const tasks: KernelTask[] = [];
    for (const { from, to } of workspace.ranges(product.groups * blocks, { nanoseconds })) {
      const task: KernelCall[] = [];
      for (let unit = from; unit < to; unit++) {
        const group = Math.floor(unit / blocks);
        const first = (unit - group * blocks) * pixelsPerBlock;
        const count = Math.min(pixelsPerBlock, pixels - first);
        const patches = ownScratch(0);
        task.push(calls.pack(group, first, count, patches));
        addRowCalls(task, plan, calls, group, all, ownScratch(patchBytes), patches, first, count);
      }
      tasks.push(task);
    }
    workspace.run(tasks);
    return;
  }
  for (let group = 0; group < product.groups; group++) {
    for (let first = 0; first < pixels; first += pixelsPerBlock) {
      const count = Math.min(pixelsPerBlock, pixels - first);
      const packing = { nanoseconds: product.columns * count, step: PANEL_PIXELS };
      workspace.run(
        workspace
          .ranges(count, packing)
          .map(({ from, to }) => [
            calls.pack(group, first + from, to - from, shared + from * product.columns * 4),
          ]),
      );
      const share = nanoseconds / product.groups / blocks;
      workspace.run(
        workspace.ranges(product.rows, { nanoseconds: share, step: PANEL_ROWS }).map((range) => {
          const task: KernelCall[] = [];
          addRowCalls(task, plan, calls, group, range, ownScratch(0), shared, first, count);
          return task;
        }),
      );
    }
  }
}

/** Adds the products of some rows and a block of pixels to a task. */
function addRowCalls(
  task: KernelCall[],
  { product, rowsPerBlock }: ProductPlan,
  calls: ProductCalls,
  group: number,
  { from, to }: Range,
  decoded: number,
  patches: number,
  first: number,
  count: number,
): void {
  for (let row = from; row < to; row += rowsPerBlock) {
    const rows = Math.min(rowsPerBlock, to - row);
    if (product.isCoded) task.push(calls.decode(group, row, rows, decoded));
    task.push(calls.multiply(group, row, rows, decoded, patches, first, count));
  }
}

function roundToPanels(pixels: number): number {
  return Math.ceil(pixels / PANEL_PIXELS) * PANEL_PIXELS;
}
