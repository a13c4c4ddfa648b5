/**
 * C that does `body` for each tap of the window under output (`oy`, `ox`) that lies on the map, `iy` and `ix` its place; `s` is the
 * struct of the window, `ky` and `kx` are declared by the caller. The first line has the indentation of where it is put.
 * @param depth levels of indentation of the outer loop
 */
export function eachTap(depth: number, body: readonly string[]): string {
  const lines = [
    'for (ky = 0; ky < s->kernel_height; ky++) {',
    '    const int32_t iy = oy * s->stride_height - s->pad_top + ky * s->dilation_height;',
    '    if (iy < 0 || iy >= s->in_height)',
    '        continue;',
    '    for (kx = 0; kx < s->kernel_width; kx++) {',
    '        const int32_t ix = ox * s->stride_width - s->pad_left + kx * s->dilation_width;',
    '        if (ix < 0 || ix >= s->in_width)',
    '            continue;',
    ...body.map((line) => `        ${line}`),
    '    }',
    '}',
  ];
  return lines.join(`\n${'    '.repeat(depth)}`);
}
