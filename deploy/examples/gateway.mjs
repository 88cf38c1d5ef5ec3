#!/usr/bin/env node
// A customer's backend: links for viewers, webhooks, and the embed host's check of who is there.
// Node 18 or newer, nothing to install.
//
//     gateway.mjs embed EVENT USER_ID NAME              prints the address for an iframe
//     gateway.mjs register EVENT NAME EMAIL             prints the join URL
//     gateway.mjs webhook ID TIME SIGNATURES < BODY     prints type and id of a webhook's message
//     gateway.mjs assertion ASSERTION                   prints a viewer's id, role and event
import { randomUUID, webcrypto } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const { subtle } = webcrypto;

/** What README.md lists: GATEWAY_URL, CLIENT_ID, CLIENT_SECRET, WEBHOOK_SECRET, UPSTREAM. */
function setting(name) {
  if (!process.env[name]) throw new Error(`${name} is not set`);
  return process.env[name];
}

/** Why the API refused a call: everything that was wrong, one a line. */
export class GatewayError extends Error {
  constructor(response, answer) {
    const { code = "unknown", errorMessage = "not an answer of the API", problems = [] } = answer;
    const faults = problems.map(({ field, message }) => `\n  ${field}: ${message}`).join("");
    super(`${response.status} ${code}: ${faults || errorMessage} (request ${answer.requestId ?? "unknown"})`);
    Object.assign(this, { status: response.status, code, problems });
    this.retryAfter = Number(response.headers.get("Retry-After")) || 1;
  }
}

async function post(path, body, headers) {
  const response = await fetch(`${setting("GATEWAY_URL")}/api/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
    redirect: "error",
    signal: AbortSignal.timeout(10_000),
  });
  if (response.ok) return response.json();
  throw new GatewayError(response, await response.json().catch(() => ({})));
}

let token, tokenEnds = 0;

async function apiToken() {
  if (Date.now() < tokenEnds) return token;
  const answer = await post("oauth/token", {
    grant_type: "client_credentials", client_id: setting("CLIENT_ID"), client_secret: setting("CLIENT_SECRET"),
  });
  tokenEnds = Date.now() + (answer.expires_in - 60) * 1000;
  return (token = answer.access_token);
}

/** Makes a call, and repeats it when that can help: the key keeps it from having a second effect. */
async function call(path, body) {
  const key = randomUUID();
  for (let attempt = 1; ; attempt++) {
    try {
      return await post(`v1/${path}`, body, { Authorization: `Bearer ${await apiToken()}`, "Idempotency-Key": key });
    } catch (error) {
      if (error.code === "unauthorized") tokenEnds = 0; // its secret was withdrawn
      const isLost = error.name === "TimeoutError" || error.cause; // no answer
      const canHelp = isLost || error.status === 429 || error.status >= 500
        || error.code === "unauthorized" || error.code === "call_under_way";
      if (!canHelp || attempt === 3 || error.retryAfter > 5) throw error;
      await pause((error.retryAfter ?? 1) * 1000);
    }
  }
}

/** Get Embed: the address for the iframe of a user whom you know: `{userId, userName, userEmail, userAvatar}`. */
export async function embedURL(event, user) {
  return (await call(`event/${encodeURIComponent(event)}/embed`, user)).url;
}

/** Register: `{name, email, metadata}`. The answer has `join_url`, to be sent by e-mail, and `registrationId`. */
export function register(event, person) {
  return call(`event/${encodeURIComponent(event)}/registrant`, person);
}

/** The message of a webhook, from its `webhook-…` headers and the body as it arrived, not parsed. */
export async function verifyWebhook(id, time, signatures, body, secret = setting("WEBHOOK_SECRET")) {
  if (!(Math.abs(Date.now() / 1000 - Number(time)) < 300)) throw new Error("webhook refused: not sent just now");
  const bytes = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  if (bytes.length < 24) throw new Error("WEBHOOK_SECRET must be whsec_ and Base64");
  const key = await subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  const signed = Buffer.concat([Buffer.from(`${id}.${time}.`), Buffer.from(body)]);
  for (const signature of signatures.split(" ")) { // two while the secret is rotated
    if (!signature.startsWith("v1,")) continue;
    if (await subtle.verify("HMAC", key, Buffer.from(signature.slice(3), "base64"), signed)) return JSON.parse(body);
  }
  throw new Error("webhook refused: no signature is right");
}

let keys = new Map(), keysFetched = -Infinity;

/** A key of the gateway. An unknown id can be a new key, or forged: asks once a minute at most. */
async function gatewayKey(id) {
  if (!keys.has(id) && Date.now() - keysFetched > 60_000) {
    const url = `${setting("GATEWAY_URL")}/.gateway/jwks.json`;
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    keys = new Map((await response.json()).keys.map((key) => [key.kid, key]));
    keysFetched = Date.now();
  }
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  return keys.has(id) ? subtle.importKey("jwk", keys.get(id), curve, false, ["verify"]) : undefined;
}

/** What a part of a token contains; nothing if it is no JSON. */
function decoded(part) {
  try {
    return JSON.parse(Buffer.from(part, "base64url")) ?? {};
  } catch {
    return {};
  }
}

/** The viewer of a request to the embed host, from X-Gateway-Assertion: `{sub, name, role, eventId, …}`. */
export async function verifyAssertion(assertion, upstream = setting("UPSTREAM")) {
  const [head, claims, signature, ...more] = assertion.split(".");
  const { alg, typ, kid } = decoded(head);
  if (alg !== "ES256" || typ !== "assertion+jwt" || !signature || more.length)
    throw new Error("assertion refused: malformed");
  const [key, bytes] = [await gatewayKey(kid), Buffer.from(signature, "base64url")];
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  if (!key || !await subtle.verify(algorithm, key, bytes, Buffer.from(`${head}.${claims}`)))
    throw new Error("assertion refused: not signed by the gateway");
  const viewer = decoded(claims);
  if (viewer.iss !== setting("GATEWAY_URL") || viewer.aud !== upstream)
    throw new Error(`assertion refused: of ${viewer.iss} for ${viewer.aud}`);
  if (!(viewer.exp > Date.now() / 1000)) throw new Error("assertion refused: expired");
  return viewer;
}

const commands = {
  embed: (event, userId, userName) => embedURL(event, { userId, userName }),
  register: async (event, name, email) => (await register(event, { name, email })).join_url,
  async webhook(id, time, signatures) {
    const message = await verifyWebhook(id, time, signatures, await buffer(process.stdin));
    return `${message.type} ${message.id}`;
  },
  async assertion(assertion) {
    const { sub, role, eventId } = await verifyAssertion(assertion);
    return `${sub} ${role} ${eventId}`;
  },
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, ...rest] = process.argv.slice(2);
  try {
    if (commands[name]?.length !== rest.length) throw new Error("usage: see the first lines of gateway.mjs");
    console.log(await commands[name](...rest));
  } catch (error) {
    console.error(error.cause ? `${error.message}: ${error.cause.message}` : error.message);
    process.exitCode = 1;
  }
}
