// What messages look like, as lines of text, so that a change of them shows.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import ts from "typescript";
import * as z from "zod";
import { errorStatuses } from "../../src/protocol/errors.ts";
import {
  clientMessage,
  eventShape,
  expectedEventIdShape,
  pollShape,
  postedShape,
} from "../../src/protocol/messages.ts";

/** The lines of a wire. */
export interface WireShape {
  clients: string[];
  servers: string[];
  errors: string[];
}

/** The wire of today. */
export function shapeNow(): WireShape {
  const source = (name: string) => new URL(`../../src/protocol/${name}`, import.meta.url);
  return {
    clients: sentByClients({
      message: clientMessage,
      posted: postedShape,
      poll: pollShape,
      event: eventShape,
      expectedEventId: expectedEventIdShape,
    }),
    servers: sentByServers(source("messages.ts"), source("errors.ts")),
    errors: Object.entries(errorStatuses)
      .map(([code, status]) => `${code}: ${status}`)
      .toSorted(),
  };
}

/** As it is stored. */
export const shapeText = (shape: WireShape): string => `${JSON.stringify(shape, null, 1)}\n`;

/** Its name: the first digits of the SHA-256 of its text. */
export const shapeId = (shape: WireShape): string =>
  createHash("sha256").update(shapeText(shape)).digest("hex").slice(0, 12);

interface Schema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
}

/** What clients may send: `<type>.<path>?: <rules>`, sorted. A member with `?` may be absent. */
function sentByClients(schemas: Readonly<Record<string, z.core.$ZodType>>): string[] {
  const lines: string[] = [];
  const walk = (schema: Schema, path: string): void => {
    const { properties = {}, required = [], items, anyOf, oneOf, ...rules } = schema;
    if (Object.keys(properties).length === 0 && !items && !anyOf && !oneOf) lines.push(`${path}: ${rulesOf(rules)}`);
    for (const [name, member] of Object.entries(properties))
      walk(member, `${path}.${name}${required.includes(name) ? "" : "?"}`);
    if (items) {
      lines.push(`${path}[]: ${rulesOf(rules)}`);
      walk(items, `${path}[]`);
    }
    for (const [at, one] of (anyOf ?? oneOf ?? []).entries())
      walk(one, `${path}<${String(one.properties?.["type"]?.const ?? at)}>`);
  };
  for (const [name, schema] of Object.entries(schemas))
    walk(z.toJSONSchema(schema, { unrepresentable: "any", io: "input" }) as Schema, name);
  return lines.toSorted();
}

function rulesOf({ type = "any", ...rules }: Schema): string {
  const rest = Object.entries(rules).filter(([key]) => !["$schema", "additionalProperties"].includes(key));
  return [type, ...rest.map(([key, value]) => `${key} ${JSON.stringify(value)}`)].join(", ");
}

/** What servers send, by the types of source files: `<type>.<path>?: <its type>`, sorted. */
function sentByServers(...paths: URL[]): string[] {
  return [...new Set(paths.flatMap(membersIn))].toSorted();
}

function membersIn(path: URL): string[] {
  const file = ts.createSourceFile("messages.ts", readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true);
  const printer = ts.createPrinter({ removeComments: true });
  const lines: string[] = [];
  /** The default of each type parameter, in its place. */
  const defaults = new Map<string, string>();
  const print = (node: ts.Node): string => {
    const text = printer.printNode(ts.EmitHint.Unspecified, node, file).replaceAll(/\s+/g, " ");
    return defaults.get(text) ?? text;
  };
  const walk = (node: ts.Node, at: string): void => {
    if (ts.isTypeLiteralNode(node) || ts.isInterfaceDeclaration(node)) {
      for (const member of node.members.filter(ts.isPropertySignature)) {
        const name = `${at}.${member.name.getText(file)}${member.questionToken ? "?" : ""}`;
        if (member.type && hasLiteral(member.type)) walk(member.type, name);
        else lines.push(`${name}: ${print(member.type!)}`);
      }
    } else if (ts.isTypeReferenceNode(node)) {
      const [type, payload] = node.typeArguments ?? [];
      if (node.typeName.getText(file) === "Envelope" && type && payload) walk(payload, print(type));
      else lines.push(`${at}: ${print(node)}`);
    } else if (ts.isIntersectionTypeNode(node) || ts.isUnionTypeNode(node)) {
      for (const type of node.types) walk(type, at);
    } else if (ts.isParenthesizedTypeNode(node)) walk(node.type, at);
    else if (ts.isArrayTypeNode(node)) walk(node.elementType, `${at}[]`);
    else lines.push(`${at}: ${print(node)}`);
  };
  for (const statement of file.statements) {
    const parameters = ts.isInterfaceDeclaration(statement) ? (statement.typeParameters ?? []) : [];
    for (const { name, default: type } of parameters) if (type) defaults.set(name.text, print(type));
    if (ts.isInterfaceDeclaration(statement) && sent.has(statement.name.text)) walk(statement, statement.name.text);
    else if (ts.isTypeAliasDeclaration(statement) && sent.has(statement.name.text))
      walk(statement.type, statement.name.text);
  }
  return lines;
}

/** The types that say what servers send. */
const sent: ReadonlySet<string> = new Set([
  "ServerMessage",
  "WireBatchResult",
  "WireEvent",
  "NumberedEvent",
  "Envelope",
  "Peer",
  "ChunkedSnapshot",
  "Problem",
]);

function hasLiteral(node: ts.Node): boolean {
  return ts.isTypeLiteralNode(node) || (ts.forEachChild(node, hasLiteral) ?? false);
}
