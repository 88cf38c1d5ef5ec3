#!/usr/bin/env node
// Prints the address for a viewer's iframe.
//
//     sign-token.mjs SECRET_FILE PUBLIC_URL EVENT USER_ID NAME EMAIL
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

export function embedURL(secret, publicURL, event, user, name, email) {
  const header = { alg: "HS256", kid: "acme-2026", typ: "JWT" };
  const claims = {
    companyId: "acme",
    event,
    eventSpecific: true, // false: every event made with the API
    uid: user,
    name,
    mail: email,
    exp: Math.floor(Date.now() / 1000) + 4 * 3600,
  };
  const signed = `${part(header)}.${part(claims)}`;
  const signature = createHmac("sha256", secret).update(signed).digest("base64url");
  return `${publicURL}/event/${event}?token=${signed}.${signature}`;
}

const [secretFile, ...rest] = process.argv.slice(2);
console.log(embedURL(readFileSync(secretFile, "utf8").trim(), ...rest));
