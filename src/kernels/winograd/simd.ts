import type { Conv2dShape, Epilogue } from '../contract.ts';
import { DECODER_SPILL, PANEL_ROWS, type PanelWeights } from '../gemm/panels.ts';
import { alignedBytes } from '../heap.ts';
import { type KernelTask, ownScratch } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';

const PLACES = 16;
/** Outputs of a group of 4 tiles side by side. */
const GROUP_WIDTH = 8;
/** Groups of a panel. */
const PANEL_GROUPS = 2;
/** Transformed inputs of a block are to stay in the second-level cache of the thread that reads them. */
const INPUT_BLOCK_BYTES = 1024 * 1024;
/** Transformed weights pass by once a panel of tiles, so they are to stay there as well. */
const WEIGHT_BLOCK_BYTES = 128 * 1024;
/** Threads meet twice a block of weights: blocks are larger where there are several. 3 × 3, 256→256 at 28 × 28 on two: 13.5 ms with 1, 10.0 with 4. */
const SHARED_BLOCKS = 4;
/** Products of a panel of tiles with 16 rows, and a line at the edge of a plane. */
const PRODUCT_BYTES = 4 * PLACES * 128 + 64;

/** What one thread takes, about, in nanoseconds: a float copied between zeros, a channel of a group of tiles and a weight transformed. */
const PAD_NS = 0.4;
const INPUT_NS = 9;
const WEIGHT_NS = 0.6;
/** Products at the 16 places in a nanosecond. */
const MACS_PER_NS = 15;

/**
 * Convolution by winograd.as.ts for shapes of `isWinograd`, blocked over groups of tiles and over rows of weights. In each
 * block inputs and weights are transformed first, then the threads divide the panels of tiles, or the rows where these are few.
 */
export function winogradSimd(
  workspace: Workspace,
  x: Float32Array,
  weights: PanelWeights,
  y: Float32Array,
  shape: Conv2dShape,
  epilogue: Epilogue,
): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth, padTop, padLeft } = shape;
  if (batch * outChannels * outHeight * outWidth === 0) return;
  const down = Math.ceil(outHeight / 2);
  const across = Math.ceil(outWidth / GROUP_WIDTH);
  const imageGroups = down * across;
  const paddedHeight = Math.max(inHeight + padTop, 2 * down + 2);
  const paddedWidth = Math.max(inWidth + padLeft, GROUP_WIDTH * across + 2);
  const planeBytes = paddedHeight * paddedWidth * 4;
  const inPlaneBytes = inHeight * inWidth * 4;
  const outPlaneBytes = outHeight * outWidth * 4;
  const outImageBytes = outChannels * outPlaneBytes;

  // A line more than the channels take: 16 places at a multiple of 4 KiB would share a set of the first-level cache.
  const placeBytes = inChannels * 32 + 64;
  const panelBytes = PLACES * placeBytes;
  const weightPlaceBytes = inChannels * 16 + 64;
  const weightPanelBytes = PLACES * weightPlaceBytes;

  const groupNanoseconds = (PLACES * 4 * inChannels) / MACS_PER_NS;
  const parts = workspace.parts(batch * imageGroups * outChannels * groupNanoseconds);
  const together = parts > 1 ? workspace.threads : 1;
  const most = PANEL_GROUPS * Math.max(1, Math.floor((INPUT_BLOCK_BYTES * together) / panelBytes));
  const images = Math.min(batch, Math.max(1, Math.floor(most / imageGroups)));
  const blocks = Math.ceil((images * imageGroups) / most);
  const groupsPerBlock = roundUp((images * imageGroups) / blocks, PANEL_GROUPS);
  const isByRows = groupsPerBlock < PANEL_GROUPS * parts && groupsPerBlock * 2 < outChannels;

  const rowPanels = Math.floor((WEIGHT_BLOCK_BYTES * (parts > 1 ? SHARED_BLOCKS : 1)) / weightPanelBytes);
  const rowsPerBlock = Math.min(roundUp(outChannels, PANEL_ROWS), PANEL_ROWS * Math.max(1, rowPanels));
  const weightBytes = (rowsPerBlock / PANEL_ROWS) * weightPanelBytes;
  const inputBytes = (groupsPerBlock / PANEL_GROUPS) * panelBytes;
  const decodedBytes = weights.isCoded ? alignedBytes(weights.panelBytes(rowsPerBlock) + DECODER_SPILL) : 0;
  const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = epilogue;

  workspace.call(
    y,
    [x, epilogue.scale, epilogue.bias, epilogue.addend],
    weightBytes + inputBytes + alignedBytes(images * inChannels * planeBytes),
    (yAt, transformed, [xAt, scale, bias, addend]) => {
      const inputs = transformed + weightBytes;
      const padded = inputs + inputBytes;

      const pad = (first: number, planes: number): KernelTask[] =>
        workspace.ranges(planes, { nanoseconds: (planes * planeBytes * PAD_NS) / 4 }).map(({ from, to }) => {
          const source = xAt! + (first + from) * inPlaneBytes;
          const target = padded + from * planeBytes;
          return [
            [
              'padPlanes',
              source,
              to - from,
              inHeight,
              inWidth,
              target,
              padTop,
              padLeft,
              paddedHeight,
              paddedWidth,
            ],
          ];
        });
      const transformInputs = (first: number, count: number): KernelTask[] => {
        const work = { nanoseconds: count * inChannels * INPUT_NS, step: PANEL_GROUPS };
        return workspace.ranges(count, work).map(({ from, to }) => {
          const target = inputs + (from / PANEL_GROUPS) * panelBytes;
          const size = [inChannels, paddedWidth * 4, planeBytes] as const;
          return [
            ['winogradInput', padded, ...size, first + from, to - from, across, down, placeBytes, target],
          ];
        });
      };
      const transformWeights = (row: number, rows: number): KernelTask[] => {
        const work = { nanoseconds: rows * weights.columns * WEIGHT_NS, step: PANEL_ROWS };
        return workspace.ranges(rows, work).map(({ from, to }) => {
          const decoded = ownScratch(PRODUCT_BYTES);
          const panels = Math.ceil((to - from) / PANEL_ROWS);
          const target = transformed + (from / PANEL_ROWS) * weightPanelBytes;
          const source = weights.panelsAt(0, row + from, decoded);
          const task: KernelTask = [
            ['winogradWeights', source, panels, inChannels, weightPlaceBytes, target],
          ];
          return weights.isCoded ? [weights.decodeCall(0, row + from, to - from, decoded), ...task] : task;
        });
      };
      const multiply = (n: number, row: number, rows: number, first: number, count: number): KernelTask[] => {
        const nanoseconds = rows * count * groupNanoseconds;
        const divided = isByRows
          ? workspace.ranges(rows, { nanoseconds, step: PANEL_ROWS })
          : workspace.ranges(count, { nanoseconds, step: PANEL_GROUPS });
        return divided.map(({ from, to }) => {
          const [fromRow, someRows] = isByRows ? [from, to - from] : [0, rows];
          const [fromGroup, someGroups] = isByRows ? [0, count] : [from, to - from];
          const channel = row + fromRow;
          const at = n * outImageBytes + channel * outPlaneBytes;
          return [
            [
              'winogradMultiply',
              transformed + (fromRow / PANEL_ROWS) * weightPanelBytes,
              someRows,
              inChannels,
              weightPlaceBytes,
              inputs + (fromGroup / PANEL_GROUPS) * panelBytes,
              placeBytes,
              first + fromGroup,
              someGroups,
              across,
              down,
              ownScratch(0),
              yAt + at,
              outHeight,
              outWidth,
              outImageBytes,
              scale! && scale! + channel * 4,
              bias! && bias! + channel * 4,
              addend! && addend! + at,
              low,
              high,
            ],
          ];
        });
      };

      for (let n = 0; n < batch; n += images) {
        const count = Math.min(images, batch - n);
        workspace.run(pad(n * inChannels, count * inChannels));
        for (let first = 0; first < count * imageGroups; first += groupsPerBlock) {
          const groups = Math.min(groupsPerBlock, count * imageGroups - first);
          for (let row = 0; row < outChannels; row += rowsPerBlock) {
            const rows = Math.min(rowsPerBlock, outChannels - row);
            const fromInputs = row === 0 ? transformInputs(first, groups) : [];
            workspace.run([...fromInputs, ...transformWeights(row, rows)]);
            workspace.run(multiply(n, row, rows, first, groups));
          }
        }
      }
    },
    PRODUCT_BYTES + decodedBytes,
  );
}

function roundUp(count: number, step: number): number {
  return Math.ceil(count / step) * step;
}
