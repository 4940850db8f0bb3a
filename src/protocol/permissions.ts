/**
 * Whether these permissions include `action`. A permission is an action (`submit:book`, `read`) or a prefix of
 * actions (`submit:*`). Everything else is denied.
 */
export function allows(permissions: "all" | readonly string[], action: string): boolean {
  if (permissions === "all") return true;
  return permissions.some((permission) =>
    permission.endsWith("*") ? action.startsWith(permission.slice(0, -1)) : action === permission,
  );
}
