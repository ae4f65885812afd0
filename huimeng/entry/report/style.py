"""The style sheet of the report: light and dark, from 320 px up, and on A4."""

STYLE = """
:root{color-scheme:light dark;--bg:#eef1f1;--paper:#fff;--ink:#17211f;--soft:#5d6a68;--line:#dfe5e4;--a:#0f766e;
--b:#8fd0c7;--up:#0b7a3e;--down:#b3401c;--tint:#e9f5f3;--warm:#8a5a00;--head:#0d3f3b;--head-ink:#f2fbf9;
--h0:#f4f7f7;--h1:#e0f1ee;--h2:#c5e6e0;--h3:#a3d8cf;--h4:#77c4b8;--h5:#45a99b;--h6:#1c8a7d;--h7:#0b6a60;--hd:#fff}
@media (prefers-color-scheme:dark){:root{--bg:#0c1211;--paper:#151d1c;--ink:#e7eeec;--soft:#9dacaa;--line:#2a3634;
--a:#3fb8aa;--b:#22655d;--up:#5fce8c;--down:#f2946f;--tint:#17302d;--warm:#e7b65a;--head:#0b2b28;--head-ink:#e4f5f2;
--h0:#1a2322;--h1:#172e2b;--h2:#173d38;--h3:#185048;--h4:#1b675d;--h5:#1f8274;--h6:#2aa392;--h7:#43c7b4;--hd:#06201d}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI","PingFang SC",
"Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC",sans-serif;font-variant-numeric:tabular-nums}
header{background:var(--head);color:var(--head-ink);padding:34px 0 92px}
.in{max-width:1160px;margin:0 auto;padding:0 24px}
header p{margin:0;opacity:.82}
h1{font-size:34px;line-height:1.2;margin:6px 0 10px;letter-spacing:.01em;overflow-wrap:anywhere}
.brand{display:flex;justify-content:space-between;gap:16px;flex-wrap:wrap;font-size:14px}
main.in{margin-top:-64px}
h2{font-size:13px;letter-spacing:.06em;color:var(--a);margin:0 0 8px;font-weight:650}
.kpis{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:16px;margin:0 0 16px}
.kpi,.card{background:var(--paper);border:1px solid var(--line);border-radius:14px;padding:20px 22px;margin:0}
.kpi dt{color:var(--soft);font-size:14px}
.kpi dd{margin:0}
.kpi .big{font-size:27px;height:36px;line-height:36px;font-weight:680;margin:4px 0 2px;white-space:nowrap;
letter-spacing:-.01em}
.kpi .long{font-size:23px}
.kpi .big small{font-size:15px;font-weight:500;color:var(--soft);margin-left:4px}
.kpi .note{color:var(--soft);font-size:13px;min-height:20px}
.kpi .than{display:flex;justify-content:space-between;gap:8px;font-size:13px;border-top:1px solid var(--line);
padding-top:7px;margin-top:9px;color:var(--soft);white-space:nowrap}
.kpi .than+.than{border:0;margin:0;padding-top:2px}
.up{color:var(--up)}.down{color:var(--down)}
.cards{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px}
.wide{grid-column:1/-1}
.fact{font-size:17px;line-height:1.55;margin:0 0 10px;font-weight:560;overflow-wrap:anywhere}
.so{margin:0 0 12px;padding:8px 12px;background:var(--tint);border-left:3px solid var(--a);border-radius:0 8px 8px 0;
font-size:15px;overflow-wrap:anywhere}
.beware{color:var(--soft);font-size:13px;margin:12px 0 0}
.keys{display:flex;flex-wrap:wrap;gap:4px 16px;margin:6px 0 0;font-size:13px;color:var(--soft)}
.keys span::before{content:"";display:inline-block;width:10px;height:10px;border-radius:3px;background:var(--a);
margin-right:6px}
.keys .kb::before{background:var(--b)}
svg{display:block;width:100%;height:auto;margin-top:6px}
svg text{font-size:13.5px;fill:var(--soft)}
svg .name,svg .value{fill:var(--ink);font-size:14.5px}
svg .marked{fill:var(--ink);font-weight:700}
svg .a{fill:var(--a)}svg .b{fill:var(--b)}svg .faint{opacity:.45}
svg .track{fill:var(--h0)}
svg .grid{stroke:var(--line);stroke-width:1;fill:none}
svg .base{stroke:var(--soft);stroke-width:1}
svg .equal{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:5 5}
svg .curve{fill:none;stroke:var(--a);stroke-width:3;stroke-linejoin:round}
svg .area{fill:var(--a);opacity:.13}
svg .dot{fill:var(--paper);stroke:var(--a);stroke-width:3}
.scroll{overflow-x:auto;margin:4px -4px 0;padding:0 4px}
table{border-collapse:separate;border-spacing:2px;width:100%;font-size:13.5px}
caption{text-align:left;color:var(--soft);font-size:13px;padding:0 0 6px;caption-side:top}
th{color:var(--soft);font-weight:500;text-align:left;padding:5px 8px;white-space:nowrap}
td{padding:5px 8px;text-align:right;white-space:nowrap}
thead th{text-align:right}thead th:first-child,td.text{text-align:left}
.lines{border-spacing:0}
.lines td,.lines th{border-bottom:1px solid var(--line);padding:7px 10px 7px 0}
.lines tr:last-child td,.lines tr:last-child th{border-bottom:0}
.lines .text{white-space:normal;min-width:180px}
.lines tbody th{color:var(--ink);font-weight:560}
.heat td{border-radius:5px;text-align:center;min-width:44px}
.heat td.open{outline:1px dashed var(--soft);outline-offset:-2px}
.heat thead th{text-align:center}
.h0{background:var(--h0)}.h1{background:var(--h1)}.h2{background:var(--h2)}.h3{background:var(--h3)}
.h4{background:var(--h4)}.h5{background:var(--h5);color:var(--hd)}.h6{background:var(--h6);color:var(--hd)}
.h7{background:var(--h7);color:var(--hd)}
.rfm td{height:64px;font-size:16px}
footer{color:var(--soft);font-size:13px;padding:22px 0 48px}
footer dl{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:6px 32px;margin:0 0 16px}
footer dt{font-weight:600;display:inline}footer dd{display:inline;margin:0}
@media (prefers-color-scheme:dark){.h5{color:#eafaf7}.h4{color:#eafaf7}}
@media (max-width:900px){.kpis{grid-template-columns:repeat(2,minmax(0,1fr))}
.cards{grid-template-columns:minmax(0,1fr)}}
@media (max-width:560px){.in{padding:0 14px}header{padding:22px 0 84px}h1{font-size:26px}
.kpis{gap:10px}.kpi{padding:14px}.kpi .big{font-size:21px;height:auto;line-height:1.35;
white-space:normal;overflow-wrap:anywhere}.kpi .long{font-size:17px}
.kpi .big small{display:block;margin:0}
.kpi .than{display:block}.kpi .than span{display:block}.card{padding:16px 14px}.fact{font-size:16px}
.scroll table{font-size:12.5px}.heat td,.heat th{padding:4px 3px}.heat td{min-width:38px}
.rfm td{height:48px;font-size:14px}
.lines td,.lines th{padding:6px 7px 6px 0}.lines .text{min-width:150px}
svg text{font-size:18px}svg .label{font-size:16px}svg .name,svg .value{font-size:19px}
footer dl{grid-template-columns:1fr}}
@media (max-width:359px){.kpis{grid-template-columns:minmax(0,1fr)}}
@page{size:A4;margin:12mm}
@media print{:root{color-scheme:light;--bg:#fff;--paper:#fff;--ink:#17211f;--soft:#4d5a58;--line:#cfd8d6;--a:#0f766e;
--b:#8fd0c7;--up:#0b7a3e;--down:#b3401c;--tint:#eef7f5;--head:#fff;--head-ink:#17211f;--h0:#f4f7f7;--h1:#e0f1ee;
--h2:#c5e6e0;--h3:#a3d8cf;--h4:#77c4b8;--h5:#45a99b;--h6:#1c8a7d;--h7:#0b6a60;--hd:#fff}
body{font-size:11pt;-webkit-print-color-adjust:exact;print-color-adjust:exact}
h1{font-size:19pt}svg text{font-size:17px}svg .name,svg .value{font-size:18px}
header{padding:0 0 10px;border-bottom:3px solid var(--a);margin-bottom:12px}
main.in{margin-top:0}.in{padding:0;max-width:none}
.kpis{grid-template-columns:repeat(4,minmax(0,1fr));gap:8px}.kpi{padding:10px}.kpi .big,.kpi .long{font-size:14pt}
.kpi .note{min-height:0}
.cards{gap:8px;grid-template-columns:repeat(2,minmax(0,1fr))}
.kpi,.card{break-inside:avoid;border-radius:8px}.card{padding:12px}.fact{font-size:11.5pt}.so{font-size:10pt}
.rfm td{height:34px;font-size:10pt}
.scroll{overflow:visible}table{font-size:8.5pt}td,th{padding:3px 4px}.heat td{min-width:0}}
"""
