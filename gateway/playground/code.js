// The code of what was done, in the languages of backends. An action is what a backend asks of the control API:
//
//   { title, method, path, body, client }
//
// Where a client has done it itself, client is { token, code }, its token and its own code, in which `socket` connects.
//
// Each snippet is whole: it runs as it stands, with what its language brings along.

export const languages = { js: "JS", curl: "curl", python: "Python", php: "PHP", go: "Go" };

// place is a path of the control API. A colon, which the names of rooms are full of, means nothing there and stays readable.
export const place = (...parts) => `/v1/${parts.map((part) => encodeURIComponent(part).replaceAll("%3A", ":")).join("/")}`;

// snippet is the code of an action. The session says where the server is, and the key.
export function snippet(language, action, session) {
  const call = { ...action, url: location.origin + action.path, key: session.key };
  return language === "js" && action.client ? client(action.client, session) : backends[language](call);
}

// note says who runs the code.
export function note(language, action) {
  if (!action.client) {
    return "Your backend runs this, wherever it is. Clients never have the key.";
  }
  return language === "js"
    ? "The client runs this, with its own token, which says what it may join."
    : "Your backend may do it for a client, by the socket id, whatever the client's token says.";
}

// module is where the server has the stock client for pages.
export const module = ({ url }) => `${url}/socket.io/socket.io.esm.min.js`;

// own is what connects an app of the reader's.
export function own(session) {
  return [
    `import { io } from "socket.io-client";`,
    `const socket = io(${string(session.url)});`,
    `socket.on("connect", () => socket.emit("join", "ws:acme"));`,
    `socket.onAny((...event) => console.log(...event));`,
  ].join("\n");
}

function client({ token, code }, { url }) {
  return [
    `import { io } from "socket.io-client";`,
    ``,
    `const token = ${string(token)};`,
    `const socket = io(${string(url)}, { auth: { token } });`,
    code,
  ].join("\n");
}

const backends = {
  js: ({ method, url, key, body }) => [
    `const url = ${string(url)};`,
    `const reply = await fetch(url, {`,
    `  method: ${string(method)},`,
    `  headers: {`,
    `    "Authorization": ${string(`Bearer ${key}`)},`,
    ...(body ? [`    "Content-Type": "application/json",`] : []),
    `  },`,
    ...(body ? [`  body: JSON.stringify(${literal(body, javascript, "  ")}),`] : []),
    `});`,
    `console.log(reply.status, await reply.text());`,
  ].join("\n"),

  curl: ({ method, url, key, body }) => [
    `curl ${method === "POST" ? "" : `-X ${method} `}${quoted(url)} \\`,
    `  -H ${quoted(`Authorization: Bearer ${key}`)}${body ? " \\" : ""}`,
    ...(body ? [`  -H 'Content-Type: application/json' \\`, `  -d ${quoted(JSON.stringify(body))}`] : []),
  ].join("\n"),

  python: ({ method, url, key, body }) => [
    ...(body ? [`import json`] : []),
    `import urllib.request`,
    ``,
    `url = ${string(url)}`,
    `request = urllib.request.Request(`,
    `    url,`,
    `    method=${string(method)},`,
    `    headers={`,
    `        "Authorization": ${string(`Bearer ${key}`)},`,
    ...(body ? [`        "Content-Type": "application/json",`] : []),
    `    },`,
    ...(body ? [`    data=json.dumps(${literal(body, python, "    ")}).encode(),`] : []),
    `)`,
    `with urllib.request.urlopen(request) as reply:`,
    `    print(reply.status, reply.read().decode())`,
  ].join("\n"),

  php: ({ method, url, key, body }) => [
    `<?php`,
    `$url = ${single(url)};`,
    `$context = stream_context_create(['http' => [`,
    `    'method' => ${single(method)},`,
    `    'header' => [`,
    `        ${single(`Authorization: Bearer ${key}`)},`,
    ...(body ? [`        'Content-Type: application/json',`] : []),
    `    ],`,
    ...(body ? [`    'content' => json_encode(${literal(body, php, "    ")}),`] : []),
    `]]);`,
    `echo file_get_contents($url, false, $context);`,
  ].join("\n"),

  go: ({ method, url, key, body }) => [
    `package main`,
    ``,
    `import (`,
    `\t"fmt"`,
    `\t"io"`,
    `\t"log"`,
    `\t"net/http"`,
    ...(body ? [`\t"strings"`] : []),
    `)`,
    ``,
    `func main() {`,
    `\trequest, err := http.NewRequest(`,
    `\t\t${string(method)},`,
    `\t\t${string(url)},`,
    `\t\t${body ? `strings.NewReader(${raw(JSON.stringify(body))})` : "nil"},`,
    `\t)`,
    `\tif err != nil {`,
    `\t\tlog.Fatal(err)`,
    `\t}`,
    `\trequest.Header.Set("Authorization", ${string(`Bearer ${key}`)})`,
    ...(body ? [`\trequest.Header.Set("Content-Type", "application/json")`] : []),
    `\treply, err := http.DefaultClient.Do(request)`,
    `\tif err != nil {`,
    `\t\tlog.Fatal(err)`,
    `\t}`,
    `\tdefer reply.Body.Close()`,
    `\tanswer, err := io.ReadAll(reply.Body)`,
    `\tif err != nil {`,
    `\t\tlog.Fatal(err)`,
    `\t}`,
    `\tfmt.Println(reply.StatusCode, string(answer))`,
    `}`,
  ].join("\n"),
};

// The dialects of literals: how a text, the key of an entry, and a whole object are written.
const javascript = { text: string, key: (name) => `${name}: `, open: "{ ", close: " }", step: "  " };
const python = { text: string, key: (name) => `${string(name)}: `, open: "{", close: "}", step: "    " };
const php = { text: single, key: (name) => `${single(name)} => `, open: "[", close: "]", step: "    " };

// literal writes an object of texts, numbers and such objects, with a line for each entry of the outermost.
function literal(object, dialect, indent) {
  const entries = Object.entries(object).map(([name, value]) => indent + dialect.step + dialect.key(name) + inline(value, dialect));
  return [dialect.open.trim(), ...entries.map((entry) => `${entry},`), indent + dialect.close.trim()].join("\n");
}

function inline(value, dialect) {
  if (typeof value === "string") {
    return dialect.text(value);
  }
  if (typeof value !== "object") {
    return String(value);
  }
  const entries = Object.entries(value).map(([name, inner]) => dialect.key(name) + inline(inner, dialect));
  return dialect.open + entries.join(", ") + dialect.close;
}

// string is a text between double quotes, with the escapes of JSON, which JavaScript, Python and Go understand too.
function string(text) {
  return JSON.stringify(text);
}

// single is a text between single quotes, for PHP.
function single(text) {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}

// quoted is a word for a shell, in which a single quote can only stand outside of single quotes.
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

// raw is a text for Go, as it is where that is possible.
function raw(text) {
  return text.includes("`") ? string(text) : `\`${text}\``;
}

// highlight fills an element with code, and sets texts and comments apart from the rest.
export function highlight(element, code) {
  const parts = code.matchAll(/(?<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)|(?<comment>\/\/.*)|[^"'`/]+|[^]/g);
  element.replaceChildren(...Array.from(parts, ({ 0: part, groups: { text, comment } }) => {
    if (!text && !comment) {
      return part;
    }
    const span = document.createElement("span");
    span.className = text ? "text" : "comment";
    span.textContent = part;
    return span;
  }));
}
