import type { OpenStore } from "../stores/store.ts";
import type { Identity } from "../sync/identity.ts";
import type { Ports } from "../transport/ports.ts";
import { partitionOf } from "./scope.ts";
import { type ConfirmDeletion, listenForSignOut, type SignedOut, type Unsent } from "./signed-out.ts";

/** Whose data is deleted, from where. */
interface SignOutParts extends Identity {
  host: string;
  store: OpenStore;
  ports: Ports;
  confirm: ConfirmDeletion | undefined;
}

/** Deletes the data of a user in all partitions, and closes its clients here and in other tabs. See `signOut`. */
export async function signOutEverywhere(parts: SignOutParts): Promise<boolean> {
  const { host, tenant, principal, store, ports, confirm } = parts;
  const scopes = (await store.scopes?.()) ?? [];
  const mine = scopes.filter((scope) => partitionOf(scope, host, parts) !== undefined);
  const unsent: Unsent[] = [];
  for (const scope of mine) {
    const opened = await store(scope);
    const { entries } = await opened.load();
    await opened.close();
    if (entries.length > 0) unsent.push({ partition: partitionOf(scope, host, parts)!, entries });
  }
  if (unsent.length > 0 && !(await confirm?.(unsent))) return false;
  const channel = listenForSignOut(ports, () => {});
  channel?.post({ host, tenant, principal } satisfies SignedOut);
  for (const scope of mine) {
    const opened = await store(scope);
    await opened.delete("everything");
    await opened.close();
  }
  channel?.close();
  return true;
}
