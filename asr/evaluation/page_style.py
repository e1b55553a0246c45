"""The report page's style sheet: readable in light and dark, on a telephone and on paper."""

from __future__ import annotations

CSS = """
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1b1f24; --quiet: #59616b; --rule: #d9dce0;
  --panel: #f3f4f2; --accent: #0b5a94; --good: #1c6b3f; --bad: #a8321a; --bad-back: #fbe6e0;
  --warn: #6b4a00; --warn-back: #fdf3d6; --bar: #b9d4e8; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e7e9ec; --quiet: #a3abb5;
  --rule: #363c44; --panel: #1e2329; --accent: #7fbcec; --good: #7fd3a0; --bad: #ff9d86;
  --bad-back: #4a241b; --warn: #f2cf7e; --warn-back: #3a3018; --bar: #2f5573; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.4rem; margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 2px solid var(--ink); }
h3 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { max-width: 44rem; } .quiet { color: var(--quiet); }
a { color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: 1rem 0; list-style: none; }
.remark { background: var(--warn-back); color: var(--warn); border-left: 4px solid currentColor;
  padding: .5rem .75rem; margin: .75rem 0; max-width: none; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.6rem, 1fr)); gap: .75rem;
  margin: 1rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--panel); border: 1px solid var(--rule); border-radius: 6px;
  padding: .7rem .8rem; }
.tiles .name { display: block; color: var(--quiet); font-size: .9rem; }
.tiles .value { display: block; font-size: 1.7rem; font-weight: 650; line-height: 1.25;
  font-variant-numeric: tabular-nums; }
.tiles .more { display: block; color: var(--quiet); font-size: .82rem; line-height: 1.4; }
.scroll { overflow-x: auto; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
.scroll > table { min-width: 60%; }
caption { text-align: left; color: var(--quiet); padding: 0 0 .35rem; font-size: .88rem; }
caption div { max-width: min(44rem, 88vw); }
caption strong { color: var(--ink); font-size: 1rem; }
th, td { padding: .28rem .7rem .28rem 0; text-align: right; border-bottom: 1px solid var(--rule);
  vertical-align: top; white-space: nowrap; }
thead th { border-bottom: 2px solid var(--quiet); vertical-align: bottom; font-weight: 600; }
th:first-child, td:first-child, td.text, th.text { text-align: left; white-space: normal; }
tbody th { font-weight: 500; }
tbody th.long { min-width: 14rem; }
.range { display: block; color: var(--quiet); font-size: .8rem; }
.meter { display: inline-block; width: 5rem; height: .6rem; margin-left: .5rem; border: 1px solid var(--rule);
  border-radius: 2px; background: linear-gradient(var(--bar), var(--bar)) no-repeat 0 0 / 0 100%; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; display: block; }
audio { display: block; width: 100%; max-width: 30rem; height: 2.5rem; }
figcaption { color: var(--quiet); font-size: .88rem; max-width: 44rem; }
.clip { border: 1px solid var(--rule); border-radius: 6px; padding: .75rem 1rem;
  margin: 1rem 0; break-inside: avoid; }
.clip h4 { margin: 0 0 .25rem; font-size: 1rem; overflow-wrap: anywhere; } .clip p { margin: .25rem 0; }
.clip figure { margin: .5rem 0 0; }
.alignment td, .alignment th { text-align: center; padding: .2rem .5rem; border: 1px solid var(--rule); }
.alignment th:first-child { text-align: right; color: var(--quiet); border: 0; padding-left: 0; }
.wrong { background: var(--bad-back); color: var(--bad); font-weight: 600; }
.mark { font-size: .8rem; color: var(--quiet); } .mark.wrong { color: var(--bad); }
details { margin: .75rem 0; } summary { cursor: pointer; color: var(--accent); padding: .2rem 0; }
pre { overflow-x: auto; background: var(--panel); padding: .75rem; font-size: .85rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 36rem) { body { padding: 1rem .8rem 3rem; } dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .4rem; } .scroll > table { min-width: 100%; } }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --quiet: #444; --rule: #bbb;
  --panel: #fff; --accent: #000; --good: #145a32; --bad: #8c2410; --bad-back: #f6ddd6; --warn: #5c4000;
  --warn-back: #fff; --bar: #cfe0ec; }
  body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  .scroll { overflow: visible; } thead { display: table-header-group; } tr, figure { break-inside: avoid; }
  h2, h3 { break-after: avoid; } .tiles { grid-template-columns: repeat(5, 1fr); }
  details::details-content { content-visibility: visible; display: block; } summary { color: inherit; } }
"""
