/**
 * Whether these permissions include `action`. A permission names an action (`submit:book`, `read`), or
 * all that begin like it (`submit:*`). What is not named is denied.
 */
export function allows(permissions: "all" | readonly string[], action: string): boolean {
  if (permissions === "all") return true;
  return permissions.some((permission) =>
    permission.endsWith("*") ? action.startsWith(permission.slice(0, -1)) : action === permission,
  );
}
