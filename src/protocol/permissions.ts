/** What administrators do: no prefix that is shorter includes any of it. */
const adminPrefix = "admin:";

/**
 * Whether these permissions include `action`. A permission is an action (`submit:book`, `read`) or a prefix of
 * actions (`submit:*`). Everything else is denied. What begins with `admin:` is included by a prefix that begins with
 * that, too, and not by `*`: tokens of users have that.
 */
export function allows(permissions: "all" | readonly string[], action: string): boolean {
  if (permissions === "all") return true;
  return permissions.some((permission) => {
    if (!permission.endsWith("*")) return action === permission;
    const prefix = permission.slice(0, -1);
    return action.startsWith(prefix) && (prefix.startsWith(adminPrefix) || !action.startsWith(adminPrefix));
  });
}
