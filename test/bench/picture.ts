import { type Spread, spreadOf } from "./figures.ts";
import type { Run } from "./report.ts";
import { type Contender, contenders } from "./stage.ts";

const words: Readonly<Record<Contender, string>> = {
  bare: "a handler that does nothing",
  floor: "floor: by hand, no library",
  naive: "naive: login on each call",
  ours: "Rekey",
};
const colours: Readonly<Record<Contender, string>> = {
  bare: "#9aa4b2",
  floor: "#6b7a90",
  naive: "#c9742c",
  ours: "#1f7a5c",
};
const width = 720;
const left = 210;
const barHeight = 20;
const rowHeight = 28;

/** Bars of the run's cold starts and warm calls, with the middle half of the rounds as a line. */
export function pictureOf(run: Run): string {
  const parts: string[] = [];
  let y = 34;
  for (const [roundTripMs, samples] of Object.entries(run.measured)) {
    const away = roundTripMs === "0" ? "platform next door" : `platform ${roundTripMs} ms away`;
    for (const [title, of] of [
      ["Cold: start to first answer", "coldMs"],
      ["Warm call", "warmMs"],
    ] as const) {
      // The far ones differ from each other by round trips only: cold at all distances, warm at the first and the last.
      if (of === "warmMs" && roundTripMs === "20") continue;
      const rows = contenders.map((contender) => ({ contender, spread: spreadOf(samples[contender][of]) }));
      parts.push(text(16, y, `${title}, ${away}`, 'font-weight="600"'));
      parts.push(...bars(rows, y + 12));
      y += rowHeight * contenders.length + 44;
    }
  }
  const note = `${run.rounds} rounds, medians; lines: the middle half. ${run.runtimeClient}, Node ${run.node}, ${run.cores} cores, ${run.at.slice(0, 10)}.`;
  parts.push(text(16, y, note, 'fill="#5b6675" font-size="11"'));
  const height = y + 16;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="13" fill="#1c2430" role="img" aria-label="Cold starts and warm calls of Rekey beside three others">`,
    `<rect width="${width}" height="${height}" rx="8" fill="#ffffff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function bars(rows: readonly { contender: Contender; spread: Spread }[], top: number): string[] {
  const most = Math.max(...rows.map(({ spread }) => spread.upper));
  const scale = (value: number) => (value / most) * (width - left - 90);
  return rows.flatMap(({ contender, spread: { median, lower, upper } }, index) => {
    const y = top + index * rowHeight;
    const middle = y + barHeight / 2;
    const [from, to] = [lower, upper].map((value) => (left + scale(value)).toFixed(1));
    return [
      text(
        left - 10,
        middle + 4,
        words[contender],
        `text-anchor="end"${contender === "ours" ? ' font-weight="600"' : ""}`,
      ),
      `<rect x="${left}" y="${y}" width="${Math.max(1, scale(median)).toFixed(1)}" height="${barHeight}" rx="3" fill="${colours[contender]}"/>`,
      `<path d="M${from} ${middle}H${to}" stroke="#1c2430" stroke-width="1.5"/>`,
      text(left + scale(upper) + 8, middle + 4, `${median < 10 ? median.toFixed(2) : median.toFixed(0)} ms`, ""),
    ];
  });
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped}</text>`;
}
