// An identity provider for tests: npm's `oidc-provider`, on loopback, with people and faults as the tests need them.
//
// Who signs in as `NAME.GROUP` is in that group; `NAME.GROUP.FAULT` gets an ID token with that fault. Every code and token that is
// given out is told on standard output, so that a test can look for them where they must not be.
//
// PORT: where it listens, 0 for any. USERINFO=1: groups and names are told by the userinfo endpoint alone, as the standard has it.
// WITHOUT: a group that nobody is in any more. TLS: a folder with `cert.pem` and `key.pem`; without it, it speaks plain HTTP.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import Provider from "oidc-provider";

const BACK = "http://127.0.0.1/api/v1/session/provider/back";
const SECRET = "the secret that the site and its provider share";

async function pair(alg, kid) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, kid, use: "sig" };
}
// Names of keys are new with each start: a provider that comes back with other keys is one that has changed them.
const start = Date.now().toString(36);
const keys = [await pair("RS256", `rsa-${start}`), await pair("ES256", `p256-${start}`), await pair("EdDSA", `ed-${start}`)];
const stranger = await generateKeyPair("RS256");

const { TLS } = process.env;
const own = (name) => readFileSync(`${TLS}/${name}.pem`);
const server = TLS ? createTlsServer({ cert: own("cert"), key: own("key") }) : createServer();
await new Promise((listening) => server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", listening));
const issuer = `${TLS ? "https" : "http"}://127.0.0.1:${server.address().port}`;

const client = (id, alg, more) => ({
  client_id: id,
  // Of a program on a machine: any port of loopback may be where browsers come back to (RFC 8252, 7.3).
  application_type: "native",
  redirect_uris: [BACK],
  response_types: ["code"],
  grant_types: ["authorization_code"],
  id_token_signed_response_alg: alg,
  ...more,
});
const confidential = { client_secret: SECRET, token_endpoint_auth_method: "client_secret_basic" };

const provider = new Provider(issuer, {
  clients: [
    client("lazaret", "RS256", confidential),
    client("lazaret-es", "ES256", { client_secret: SECRET, token_endpoint_auth_method: "client_secret_basic" }),
    client("lazaret-ed", "EdDSA", { token_endpoint_auth_method: "none" }),
  ],
  jwks: { keys },
  claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
  scopes: ["openid", "profile", "groups"],
  conformIdTokenClaims: process.env.USERINFO === "1",
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "EdDSA"] },
  pkce: { required: () => true },
  findAccount: (_, id) => {
    const [name, group] = id.split(".");
    return { accountId: id, claims: () => ({ sub: id, preferred_username: name, groups: group && group !== process.env.WITHOUT ? [group] : [] }) };
  },
  // Nobody is asked whether Lazaret may know their name.
  loadExistingGrant: async (context) => {
    const grant = new context.oidc.provider.Grant({ clientId: context.oidc.client.clientId, accountId: context.oidc.session.accountId });
    grant.addOIDCScope("openid profile groups");
    await grant.save();
    return grant;
  },
});

/** The token as somebody who means ill, or errs, would have it. */
async function spoilt(token, fault) {
  const [head, body] = token.split(".").slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
  const now = Math.floor(Date.now() / 1000);
  const own = keys.find((key) => key.kid === head.kid);
  const signed = (claims, key = own, header = head) => new SignJWT(claims).setProtectedHeader(header).sign(key);
  const coded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  switch (fault) {
    case "audience": return signed({ ...body, aud: "another-client" });
    case "audiences": return signed({ ...body, aud: [body.aud, "another-client"] });
    case "issuer": return signed({ ...body, iss: "http://127.0.0.1:1" });
    case "nonce": return signed({ ...body, nonce: "another" });
    case "expired": return signed({ ...body, iat: now - 7200, exp: now - 3600 });
    case "future": return signed({ ...body, iat: now + 3600, exp: now + 7200 });
    case "stranger": return signed(body, stranger.privateKey, { ...head, kid: "stranger" });
    case "forged": return signed(body, stranger.privateKey);
    case "tampered": {
      const parts = token.split(".");
      return [parts[0], coded({ ...body, groups: ["ward-admins"], sub: "somebody else" }), parts[2]].join(".");
    }
    case "unsigned": return `${coded({ alg: "none" })}.${coded(body)}.`;
    case "secret": return signed(body, new TextEncoder().encode(SECRET), { alg: "HS256" });
    case "broken": return "no.token";
    default: return token;
  }
}

provider.use(async (context, next) => {
  await next();
  const sent = context.body;
  // Its pages ask somebody outside for letters; tests ask nobody.
  if (typeof sent === "string") context.body = sent.replaceAll(/@import url\([^)]*\);?/g, "");
  if (context.path === "/token" && sent?.id_token) {
    const { sub } = JSON.parse(Buffer.from(sent.id_token.split(".")[1], "base64url").toString());
    sent.id_token = await spoilt(sent.id_token, sub.split(".")[2]);
    console.log(`secret ${sent.id_token}\nsecret ${sent.access_token}`);
  }
  const code = new URL(context.response.get("location") || "/", issuer).searchParams.get("code");
  if (code) console.log(`secret ${code}`);
});
provider.on("server_error", (_, fault) => console.error(fault));
server.on("request", provider.callback());
console.log(`issuer ${issuer}`);
