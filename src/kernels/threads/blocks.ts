/** Channels c … c + channels − 1 of `count` successive outer indices from `outer` on; whole ones where count is more than 1. */
export interface Block {
  readonly outer: number;
  readonly count: number;
  readonly channel: number;
  readonly channels: number;
}

/** Rows from … to − 1 of [outer, channels] as blocks, at most three: the end of an outer index, whole ones, the start of one. */
export function blocksOf(from: number, to: number, channels: number): Block[] {
  const blocks: Block[] = [];
  let row = from;
  while (row < to) {
    const outer = Math.floor(row / channels);
    const channel = row - outer * channels;
    const whole = channel === 0 ? Math.floor((to - row) / channels) : 0;
    if (whole > 0) blocks.push({ outer, count: whole, channel, channels });
    else blocks.push({ outer, count: 1, channel, channels: Math.min(channels - channel, to - row) });
    row += whole > 0 ? whole * channels : blocks.at(-1)!.channels;
  }
  return blocks;
}
