import type { Report } from '../eval/types.ts';
import { reportCsv } from './csv.ts';
import { reportHtml } from './html/page.ts';
import { reportJson } from './json.ts';
import { reportMarkdown } from './markdown.ts';

/** The files of a report, name to content: `report.json`, `report.csv`, `report.md`, `report.html`. Writes nothing. */
export function reportFiles(report: Report): Map<string, string> {
  return new Map([
    ['report.json', reportJson(report)],
    ['report.csv', reportCsv(report)],
    ['report.md', reportMarkdown(report)],
    ['report.html', reportHtml(report)],
  ]);
}
