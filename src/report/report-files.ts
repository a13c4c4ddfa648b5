import type { Report } from '../eval/types.ts';
import { reportCsv } from './csv.ts';
import { reportHtml } from './html.ts';
import { reportJson } from './json.ts';
import { reportMarkdown } from './markdown.ts';

/**
 * The files of a report, name to content: `report.json`, `report.csv`, `report.md`, `report.html`. Writes nothing. All follow from what
 * `report.json` says, so that they can be made again from it, byte for byte.
 */
export function reportFiles(report: Report): Map<string, string> {
  const json = reportJson(report);
  const said = JSON.parse(json) as Report;
  return new Map([
    ['report.json', json],
    ['report.csv', reportCsv(said)],
    ['report.md', reportMarkdown(said)],
    ['report.html', reportHtml(said)],
  ]);
}
