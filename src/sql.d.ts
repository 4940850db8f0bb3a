// wrangler and vitest load .sql files as text modules.
declare module "*.sql" {
  const text: string;
  export default text;
}
