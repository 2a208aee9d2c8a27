// samlp as an identity provider of a company, where everybody is Ada. PORT, HOST_URL,
// KEY, CERT; SIGNED_BY is our certificate that signs requests; with
// ENCRYPT the assertions are encrypted to the certificate ENCRYPT_TO.
const { readFileSync } = require("node:fs");
const https = require("node:https");
const { createRequire } = require("node:module");
const crypto = require("node:crypto");

const load = createRequire(process.env.MODULES + "/");
const express = load("express"), session = load("express-session"), samlp = load("samlp"), Participants = load("samlp/lib/sessionParticipants");
const { PORT, HOST_URL, KEY, CERT, SIGNED_BY, ENCRYPT_TO, ENCRYPT, SIGN_RESPONSE } = process.env;
const key = readFileSync(KEY), cert = readFileSync(CERT), issuer = `https://127.0.0.1:${PORT}`, at = HOST_URL + "/sso/acme-peer/";
const encryption = ENCRYPT && {
  encryptionCert: readFileSync(ENCRYPT_TO), encryptionPublicKey: crypto.createPublicKey(readFileSync(ENCRYPT_TO)).export({ type: "spki", format: "pem" }),
  ...(ENCRYPT !== "default" && { encryptionAlgorithm: ENCRYPT, disallowEncryptionWithInsecureAlgorithm: false }),
};

const app = express();
app.use(session({ secret: "x", resave: false, saveUninitialized: true }));
app.use(express.urlencoded({ extended: false }));
app.use((request, _, next) => {
  request.user = { id: "ada", displayName: "Ada Lovelace", name: { givenName: "Ada", familyName: "Lovelace" }, emails: [{ value: "ada@acme.example" }], _json: { groups: ["Data"] } };
  next();
});
const sign = samlp.auth({
  issuer, cert, key, sessionIndex: "_si1", signResponse: Boolean(SIGN_RESPONSE), audience: at + "metadata", destination: at + "acs", recipient: at + "acs",
  profileMapper: () => ({
    getClaims: () => ({ email: "ada@acme.example", displayName: "Ada Lovelace", groups: ["Data"] }),
    getNameIdentifier: () => ({ nameIdentifier: "ada@acme.example", nameIdentifierFormat: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress" }),
  }),
  getPostURL: (_a, _d, _r, done) => done(null, at + "acs"), ...encryption,
});
app.get("/sso", sign);
app.post("/sso", sign);
app.get("/slo", (request, response, next) => samlp.logout({
  deflate: true, issuer, protocolBinding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect", cert, key, clearIdPSession: (done) => done(),
  sessionParticipants: new Participants([{
    serviceProviderId: at + "metadata", nameId: "ada@acme.example", nameIdFormat: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress", sessionIndex: "_si1",
    serviceProviderLogoutURL: at + "slo", cert: readFileSync(SIGNED_BY),
  }]),
})(request, response, next));
app.get("/metadata", samlp.metadata({ issuer, cert, redirectEndpointPath: "/sso", postEndpointPath: "/sso", logoutEndpointPaths: { redirect: "/slo" } }));
https.createServer({ key, cert }, app).listen(PORT, "127.0.0.1");
