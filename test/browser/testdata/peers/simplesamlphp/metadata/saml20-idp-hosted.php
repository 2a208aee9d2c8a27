<?php
// While NEXT is in its folder, the key of it is published beside the present one; once
// that has its place, it signs.
$folder = dirname(getenv('KEY')) . '/';
$metadata['https://127.0.0.1:' . getenv('PORT') . '/saml2/idp/metadata.php'] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'key.pem',
    'certificate' => 'cert.pem',
    'auth' => 'people',
    'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    'sign.logout' => true,
    'redirect.sign' => true,
    'redirect.validate' => true,
    'validate.authnrequest' => true,
    'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
    'simplesaml.nameidattribute' => 'email',
    'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic',
    'logouttype' => 'traditional',
] + (is_file($folder . 'next.pem') ? ['new_privatekey' => 'nextkey.pem', 'new_certificate' => 'next.pem'] : []);
