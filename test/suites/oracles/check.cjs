// Verifies messages with xml-crypto as its documentation says, and tells what an
// application would read: prints one line for each file, "valid <name>" or
// "refused <why>". $1 is the certificate, the rest are messages.
const { readFileSync } = require("node:fs");
const { SignedXml } = require("xml-crypto");
const { DOMParser } = require("@xmldom/xmldom");
const xpath = require("xpath");

const [certificate, ...files] = process.argv.slice(2);
const signatures = "//*[local-name(.)='Assertion']/*[local-name(.)='Signature' and namespace-uri(.)='http://www.w3.org/2000/09/xmldsig#']";
for (const file of files) {
  try {
    const text = readFileSync(file, "utf8");
    const document = new DOMParser().parseFromString(text);
    const verifier = new SignedXml({ publicCert: readFileSync(certificate, "utf8") });
    verifier.loadSignature(xpath.select1(signatures, document));
    if (!verifier.checkSignature(text)) throw new Error("the signature does not verify");
    // Whoever reads the first assertion that a reference of the signature names.
    const ids = verifier.getReferences().map((r) => r.uri.slice(1));
    const name = xpath.select(`//*[local-name(.)='Assertion']`, document)
      .filter((a) => ids.includes(a.getAttribute("ID")))
      .map((a) => xpath.select1("string(.//*[local-name(.)='NameID'])", a))[0];
    console.log(`valid ${name}`);
  } catch (e) {
    console.log(`refused ${e.message.split("\n")[0]}`);
  }
}
