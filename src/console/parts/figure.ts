const binary = ["B", "KiB", "MiB", "GiB"];

/** Bytes in the unit in which they have at most four digits. */
export function figureOf(name: string, value: number): string {
  if (!/bytes$/i.test(name)) return value.toLocaleString("en");
  const power = Math.min(value < 1 ? 0 : Math.floor(Math.log2(value) / 10), binary.length - 1);
  return `${(value / 1024 ** power).toLocaleString("en", { maximumFractionDigits: 1 })}\u00a0${binary[power]}`;
}
