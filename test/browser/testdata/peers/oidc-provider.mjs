// oidc-provider as an identity provider of a company: whoever types a name is that
// person. PORT, HOST_URL, KEY, CERT.
import { readFileSync } from "node:fs";
import https from "node:https";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const found = createRequire(process.env.MODULES + "/").resolve("oidc-provider");
const { default: Provider } = await import(pathToFileURL(found));
const { PORT, HOST_URL, KEY, CERT } = process.env;
const at = HOST_URL + "/sso/acme-peer/";
const provider = new Provider(`https://127.0.0.1:${PORT}`, {
  clients: [{
    client_id: "gatehouse", client_secret: "a secret of thirty-two characters", grant_types: ["authorization_code", "refresh_token"], redirect_uris: [at + "callback"],
    post_logout_redirect_uris: [at + "slo"], backchannel_logout_uri: at + "receive", backchannel_logout_session_required: true,
  }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username", "groups"], acr: null, amr: null, auth_time: null, sid: null },
  conformIdTokenClaims: false, // the claims stand in the ID token, not only at userinfo
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: "Ada Lovelace", preferred_username: id, email: id + "@acme.example", email_verified: true, groups: ["Data"] }),
  }),
  features: {
    backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true },
  },
  fetch: (url, options) => { // its own refuses to reach this machine
    const { dispatcher, ...rest } = options ?? {};
    return globalThis.fetch(url, rest);
  },
  pkce: { required: () => true },
  issueRefreshToken: (_, client, code) => client.grantTypeAllowed("refresh_token") && code.scopes.has("offline_access"),
  rotateRefreshToken: true,
});

// /refreshed says how often a token was exchanged, /revoke takes everybody's grants back.
const grants = new Set();
let refreshed = 0;
provider.on("grant.success", (ctx) => {
  grants.add(ctx.oidc.entities.AccessToken.grantId);
  if (ctx.oidc.params.grant_type === "refresh_token") refreshed++;
});
const answer = provider.callback();
https.createServer({ key: readFileSync(KEY), cert: readFileSync(CERT) }, async (request, response) => {
  switch (request.url) {
    case "/refreshed":
      response.end(String(refreshed));
      return;
    case "/revoke":
      for (const id of grants) await (await provider.Grant.find(id))?.destroy();
      response.end("done");
      return;
  }
  answer(request, response);
}).listen(PORT, "127.0.0.1");
