/** A table of the report. All rows have as many cells as the header. */
export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The table as Markdown, under its title. */
export function asMarkdown({ title, header, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [`### ${title}`, "", line(header), line(header.map(() => "---")), ...rows.map(line), ""].join("\n");
}
