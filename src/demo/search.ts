import type { Options } from "minisearch";

/** What is found: a heading of a page, and the text below it. */
export interface FoundSection {
  /** The address. */
  id: string;
  page: string;
  heading: string;
  text: string;
}

/** How the documentation is indexed and searched: the same where the index is made and where it is read. */
export const searchOptions: Options<FoundSection> = {
  fields: ["page", "heading", "text"],
  storeFields: ["page", "heading"],
  searchOptions: {
    boost: { heading: 4, page: 2 },
    boostDocument: (address: string) => weightOf(address),
    prefix: true,
    fuzzy: 0.15,
    combineWith: "AND",
  },
};

/** What people look for is how something is done; why it was built so comes last. */
function weightOf(address: string): number {
  if (address.includes("/guide/")) return 3;
  return address.includes("/decisions/") ? 0.3 : 1;
}
