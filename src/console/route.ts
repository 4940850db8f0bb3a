import { useSyncExternalStore } from "react";

/** The pages of a partition, in the order of their links. */
export const views = [
  { name: "log", title: "Log" },
  { name: "state", title: "State" },
  { name: "rejections", title: "Rejections" },
  { name: "connections", title: "Connections" },
  { name: "work", title: "Work" },
  { name: "sagas", title: "Sagas" },
  { name: "health", title: "Health" },
] as const;
export type View = (typeof views)[number]["name"];

/** The pages of the tenant. */
export const tenantViews = [
  { name: "overview", title: "Overview" },
  { name: "endpoints", title: "Endpoints" },
  { name: "letters", title: "Dead letters" },
  { name: "verification", title: "Verification" },
  { name: "limits", title: "Limits" },
  { name: "access", title: "Access" },
  { name: "actions", title: "Actions" },
] as const;
export type TenantView = (typeof tenantViews)[number]["name"];

/** In the place of a partition: no partition has this name. */
const tenantPath = "~";

/** Where the page is: `#/<partition>/<view>?at=7`, or `#/~/<view>` of the tenant. So each place has a link. */
export interface Route {
  partition: string | undefined;
  /** Of the partition, if there is one. */
  view: View;
  tenantView: TenantView;
  /** Numbers and texts that the view has. */
  query: URLSearchParams;
}

export function routeOf(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [partition, name] = path.split("/").map(decode);
  return {
    partition: partition === "" || partition === tenantPath ? undefined : partition,
    view: views.find((each) => each.name === name)?.name ?? "log",
    tenantView: tenantViews.find((each) => each.name === name)?.name ?? "overview",
    query: new URLSearchParams(query),
  };
}

export function tenantHashOf(view: TenantView): string {
  return view === "overview" ? "#/" : `#/${tenantPath}/${view}`;
}

export function hashOf(partition: string | undefined, view: View = "log", query: Record<string, string> = {}): string {
  if (partition === undefined) return "#/";
  const text = new URLSearchParams(query).toString();
  return `#/${encodeURIComponent(partition)}/${view}${text === "" ? "" : `?${text}`}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function subscribe(changed: () => void): () => void {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}

/** The present route. */
export function useRoute(): Route {
  return routeOf(useSyncExternalStore(subscribe, () => location.hash));
}

/** Changes what the view shows, without another entry in the history: a slider would make hundreds. */
export function replaceQuery(route: Route, query: Record<string, string>): void {
  const hash = hashOf(route.partition, route.view, { ...Object.fromEntries(route.query), ...query });
  history.replaceState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
