"""The style sheet of the plain pages; light and dark, from 320 px up."""

STYLE = """
:root{--bg:#f6f7f8;--card:#fff;--ink:#16211f;--soft:#5b6866;--line:#e0e5e4;--main:#0f766e;--main-soft:#99d5cd;
--warm:#b45309;--warm-bg:#fef6e7;--code:#eef2f1}
@media (prefers-color-scheme:dark){:root{--bg:#0f1514;--card:#18201f;--ink:#e8eeec;--soft:#9aa8a5;--line:#2b3634;
--main:#3fb8aa;--main-soft:#22645d;--warm:#f0b45a;--warm-bg:#2c2415;--code:#222c2a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI","PingFang SC",
"Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
a{color:var(--main);text-underline-offset:3px}
header,main,footer{max-width:1120px;margin:0 auto;padding:0 20px}
header{display:flex;flex-wrap:wrap;gap:6px 20px;align-items:center;padding-top:16px;padding-bottom:16px}
header .brand{font-weight:700;font-size:20px;color:var(--ink);text-decoration:none;margin-right:auto}
header .brand span{color:var(--main)}
header nav{display:flex;gap:16px;font-size:15px}
footer{color:var(--soft);font-size:14px;padding-top:28px;padding-bottom:40px}
h1{font-size:28px;line-height:1.25;margin:12px 0 6px;overflow-wrap:anywhere}
h2{font-size:18px;margin:0 0 12px}
h3{font-size:16px;margin:20px 0 8px}
p{margin:0 0 12px}
.soft{color:var(--soft)}
.small{font-size:14px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px;margin:0 0 16px}
.notice{background:var(--warm-bg);border:1px solid var(--line);border-left:4px solid var(--warm);border-radius:8px;
padding:10px 14px;margin:12px 0 16px;font-size:15px}
.figures{display:grid;grid-template-columns:repeat(6,1fr);gap:12px;margin:16px 0}
.figure{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px;margin:0}
.figure dt{color:var(--soft);font-size:14px}
.figure dd{margin:2px 0 0;font-size:22px;font-weight:650;font-variant-numeric:tabular-nums;white-space:nowrap}
.figure .small{color:var(--soft);font-weight:400}
.two{display:grid;grid-template-columns:1fr 1fr;gap:16px;align-items:start}
.two{margin-bottom:16px}.two>*{min-width:0;margin-bottom:0}
.pair{grid-template-columns:1fr 1fr;margin:0}
.card>:first-child{margin-top:0}
.chart>svg{display:block;width:100%;height:190px}
.chart figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:4px 16px;margin-bottom:10px}
.chart figcaption b{font-size:17px}
.bar{fill:var(--main)}.bar2{fill:var(--main-soft)}
.rule{stroke:var(--line);stroke-width:1}
.months{display:grid;grid-auto-flow:column;grid-auto-columns:1fr;text-align:center;font-size:13px;color:var(--soft);
margin-top:6px;font-variant-numeric:tabular-nums}
.months span{display:block;min-width:0}
.months small{display:block;color:var(--ink);font-size:12px}
.key{display:inline-flex;align-items:center;gap:6px;font-size:14px;color:var(--soft);margin-left:12px}
.key svg{width:12px;height:12px}
form.find{display:flex;gap:8px;flex-wrap:wrap}
form.find .small{flex-basis:100%}
form.find label{flex-basis:100%;font-weight:600;font-size:18px}
input[type=search]{flex:1 1 220px;min-width:0;font:inherit;padding:10px 12px;border:1px solid var(--line);
border-radius:8px;background:var(--bg);color:var(--ink)}
.narrow{max-width:440px;margin:28px auto}
.narrow h1{margin-top:0}
form.stack label{display:block;font-weight:600;font-size:15px;margin:14px 0 4px}
form.stack input{display:block;width:100%;font:inherit;padding:10px 12px;border:1px solid var(--line);border-radius:8px;
background:var(--bg);color:var(--ink)}
form.stack button{width:100%;margin:20px 0 4px}
form.stack .hint{margin:6px 0 0}
.wrong{background:var(--warm-bg);border:1px solid var(--line);border-left:4px solid var(--warm);border-radius:8px;
padding:10px 14px;margin:0 0 6px;font-size:15px}
header nav{align-items:center;flex-wrap:wrap}
header nav form{margin:0}
button.quiet{background:none;color:var(--main);padding:0;font-weight:400;text-decoration:underline;
text-underline-offset:3px}
button{font:inherit;font-weight:600;padding:10px 22px;border:0;border-radius:8px;background:var(--main);color:#fff;
cursor:pointer}
@media (prefers-color-scheme:dark){button:not(.quiet){color:#06201d}}
:focus-visible{outline:3px solid var(--main-soft);outline-offset:2px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:15px}
th,td{text-align:left;padding:8px 14px 8px 0;border-bottom:1px solid var(--line);vertical-align:top;white-space:nowrap}
th{color:var(--soft);font-weight:500;font-size:14px}
tbody tr:last-child td{border-bottom:0}
.num{text-align:right;font-variant-numeric:tabular-nums}
.num+td:not(.num),.num+th:not(.num){padding-left:18px}
th:last-child,td:last-child{padding-right:0}
.plus{color:var(--main)}.minus{color:var(--warm)}
.pill{display:inline-block;border:1px solid var(--line);border-radius:99px;padding:1px 10px;font-size:14px;
color:var(--soft);margin:0 6px 6px 0}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:6px 20px;margin:0}
.facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
details summary{cursor:pointer;color:var(--main);margin:10px 0}
details.card summary{margin:0}details.card[open] summary{margin-bottom:10px}
pre{background:var(--code);border-radius:8px;padding:12px 14px;overflow-x:auto;
font-size:14px;line-height:1.5;margin:8px 0 16px}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.94em}
ol.steps{padding-left:22px;margin:0}
ol.steps li{margin-bottom:8px}
@media (max-width:1000px){.figures{grid-template-columns:repeat(3,1fr)}
.pair{grid-template-columns:1fr 1fr}.two{grid-template-columns:1fr}}
@media (max-width:560px){.figures{grid-template-columns:repeat(2,1fr);gap:10px}.figure{padding:12px}
.figure dd{font-size:19px}.card{padding:16px}header,main,footer{padding-left:16px;padding-right:16px}h1{font-size:24px}
.months{font-size:11px}.months small{display:none}.chart>svg{height:150px}}
"""
