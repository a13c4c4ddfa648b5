/**
 * The style sheet of report.html. Series colours are Okabe and Ito's palette (2008, made for colour-blind readers), darkened for a
 * white ground and lightened for a dark one: measured, each has 4.7:1 of contrast or more (WCAG 2.2 asks lines for 3:1). Text in the
 * charts is drawn in units of a 520-unit wide picture, so a narrow screen gets a larger size.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #fbfbfa; --card: #ffffff; --ink: #1c1d1f; --soft: #5c6066; --rule: #e2e3e6; --faint: #eef0f2; --mark: #0a66b7;
  --c0: #0072b2; --c1: #c2500a; --c2: #00845f; --c3: #a3427f; --c4: #8a6a00; --c5: #4a5bc4;
  --tint: 10, 102, 183; --warm: 214, 100, 20;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #141517; --card: #1c1e21; --ink: #eceef0; --soft: #a4a9b0; --rule: #34383d; --faint: #26292d; --mark: #6cb6f5;
    --c0: #4fb0ee; --c1: #f4883f; --c2: #2fc79a; --c3: #e58bc2; --c4: #dcb53a; --c5: #98a4f5;
    --tint: 90, 170, 240; --warm: 235, 120, 40;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1120px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
p { margin: .25rem 0 .75rem; max-width: 75ch; }
.lede, .hint { color: var(--soft); }
.hint { font-size: .875rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: .75rem; margin: 1.25rem 0 0; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; padding: .8rem 1rem; margin: 0; }
.tile dt { color: var(--soft); font-size: .875rem; }
.tile dd { margin: 0; font-size: 1.45rem; font-weight: 600; line-height: 1.3; overflow-wrap: anywhere; }
.tile dd small { display: block; font-size: .875rem; font-weight: 400; color: var(--soft); }
fieldset { border: 0; padding: 0; margin: 0 0 .75rem; display: flex; flex-wrap: wrap; gap: .35rem 1.1rem; }
legend { padding: 0; margin: 0 0 .35rem; font-size: .875rem; color: var(--soft); }
.key { display: inline-flex; align-items: center; gap: .4rem; min-height: 1.75rem; cursor: pointer; white-space: nowrap; }
.key input { accent-color: var(--mark); width: 1rem; height: 1rem; margin: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: .75rem; }
figure { margin: 0; background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; padding: .9rem .9rem .5rem; }
figcaption { font-weight: 600; margin: 0 .2rem .35rem; }
.chart { display: block; width: 100%; height: auto; }
.chart text { font-size: 13px; fill: var(--soft); font-family: inherit; }
.grid line { stroke: var(--faint); } .ticks line { stroke: var(--rule); }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); } .c4 { --c: var(--c4); } .c5 { --c: var(--c5); }
.curve { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.v1 .curve { stroke-dasharray: 6 4; } .v2 .curve { stroke-dasharray: 2 3.5; }
.band { fill: var(--c); opacity: .09; }
.dot { fill: var(--c); stroke: var(--card); stroke-width: 1; }
.v1 .dot { fill: var(--card); stroke: var(--c); stroke-width: 1.8; } .v2 .dot { fill: var(--card); stroke: var(--c); stroke-width: 1.8; stroke-dasharray: 2 1.5; }
.target { fill: transparent; } g:hover > .dot { stroke: var(--ink); stroke-width: 2; }
.reference line { stroke: var(--ink); stroke-width: 1.2; } .reference.chance line { stroke: var(--soft); stroke-dasharray: 3 4; }
.chart .reference.float text, .chart .names text { fill: var(--ink); } .chart .names text { font-weight: 600; }
.chart .reference text, .chart .names text { paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
.front { fill: none; stroke: var(--soft); stroke-width: 1.2; opacity: .8; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; }
.scroll:focus-visible, summary:focus-visible, input:focus-visible, select:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { padding: .4rem .6rem; text-align: right; white-space: nowrap; border-top: 1px solid var(--faint); }
thead th { border-top: 0; border-bottom: 1px solid var(--rule); color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; }
th:first-child, td.text, th.text { text-align: left; }
tbody th { font-weight: 500; position: sticky; left: 0; background: var(--card); }
td small { color: var(--soft); }
.heat td small { display: block; color: inherit; opacity: .8; }
.l0 { background: rgba(var(--tint), .40); } .l1 { background: rgba(var(--tint), .27); } .l2 { background: rgba(var(--tint), .16); } .l3 { background: rgba(var(--tint), .07); }
.map td { text-align: right; font-size: .8125rem; padding: .25rem .6rem; } .map th { padding: .25rem .6rem; }
.h0 { background: rgba(var(--warm), .50); } .h1 { background: rgba(var(--warm), .40); } .h2 { background: rgba(var(--warm), .30); } .h3 { background: rgba(var(--warm), .21); } .h4 { background: rgba(var(--warm), .13); } .h5 { background: rgba(var(--warm), .06); }
.best { font-weight: 700; }
h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
.switches { display: flex; flex-wrap: wrap; gap: 0 2.5rem; }
.choose { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: 0 0 .75rem; } .choose [hidden] { display: none; }
.choose label { display: inline-flex; align-items: center; gap: .5rem; min-width: 0; } select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--rule); border-radius: .4rem; padding: .25rem .5rem; max-width: 100%; min-width: 0; }
figure + .scroll { margin-top: .75rem; } .one { max-width: 36rem; } .bars { fill: var(--soft); opacity: .45; } .levels { stroke: var(--mark); stroke-width: 1.4; fill: none; }
.share { min-width: 9rem; position: relative; } .share i { position: absolute; left: .6rem; top: 25%; height: 50%; max-width: calc(100% - 4rem); background: var(--mark); opacity: .35; border-radius: 2px; }
.pairs { columns: 18rem; } .pairs li { margin: 0; break-inside: avoid; }
ul { padding-left: 1.2rem; margin: 0; max-width: 90ch; } li { margin: .3rem 0; }
details { border: 1px solid var(--rule); border-radius: .6rem; background: var(--card); margin: .5rem 0; } summary { cursor: pointer; padding: .55rem .9rem; }
details .scroll { border: 0; border-top: 1px solid var(--rule); border-radius: 0 0 .6rem .6rem; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: 0; font-size: .9rem; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
code { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .85em; }
@media (max-width: 40rem) {
  main { padding: 1.25rem .8rem 3rem; }
  figure { padding: .7rem .5rem .4rem; }
  .chart text { font-size: 17px; }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: .5rem; }
  th, td { padding: .4rem .5rem; }
}
@media print {
  :root { --ground: #fff; --card: #fff; --ink: #000; --soft: #444; --rule: #bbb; --faint: #ddd; --c0: #0072b2; --c1: #c2500a; --c2: #00845f; --c3: #a3427f; --c4: #8a6a00; --c5: #4a5bc4; --tint: 10, 102, 183; --warm: 214, 100, 20; }
  body { font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  .charts { grid-template-columns: 1fr 1fr; } .key input, .screen { display: none; }
  figure, .tile, tr, .heat { break-inside: avoid; } h2 { break-after: avoid; } .scroll { overflow: visible; border-radius: 0; }
  table { font-size: 7.5pt; } th, td { padding: .15rem .3rem; }
}
`;
