/**
 * The page's only script: it shows another point or layer in "One point closely". It draws from the JSON in the page and
 * moves elements that are in it as templates; it makes no markup of text. Without it the page shows the point that it was
 * written with. The content security policy allows this text by its hash, and no other.
 */
export const CLOSELY_SCRIPT = `
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId('closely-data').textContent);
  const point = byId('closely-point');
  const layer = byId('closely-layer');
  const path = (positions) => {
    let d = '';
    for (let i = 0; i < positions.length; i += 2) {
      const at = 64 * data.digits.indexOf(positions[i]) + data.digits.indexOf(positions[i + 1]);
      d += 'M' + (data.lines.start + data.lines.step * at).toFixed(2) + ' ' + data.lines.top + 'V' + data.lines.base;
    }
    return d;
  };
  const show = () => {
    const chosen = data.points[point.value];
    const template = byId('classes-' + point.value);
    if (template) byId('closely-classes').replaceChildren(template.content.cloneNode(true));
    const shown = layer && data.layers[layer.value];
    if (!shown) return;
    const bars = shown.bars[chosen.granularity];
    byId('weights-bars').setAttribute('d', bars || '');
    byId('weights-levels').setAttribute('d', bars ? path(chosen.levels[layer.value] || '') : '');
    const lost = chosen.lost[layer.value];
    byId('weights-text').textContent = [
      shown.name + ', ' + chosen.label + ': ' + data.phrases[chosen.phrases[layer.value]],
      ...(lost ? [data.lost.replace('{}', lost)] : []),
      shown.beyond[chosen.granularity],
    ].join(' ').trim();
  };
  for (const control of document.querySelectorAll('.scripted')) control.hidden = false;
  point.addEventListener('change', show);
  if (layer) layer.addEventListener('change', show);
  show();
})();
`;
