<?php
// The application: HOST_URL. SIGNED_BY and ENCRYPT_TO are its certificates, SIGN says
// what is signed, ENCRYPT whether assertions are encrypted.
$body = fn (string $file): string => preg_replace('/-----[^-]+-----|\s/', '', file_get_contents($file));
$base = getenv('HOST_URL') . '/sso/acme-peer/';
$metadata[$base . 'metadata'] = [
    'AssertionConsumerService' => $base . 'acs',
    'SingleLogoutService' => [
        ['Binding' => getenv('LOGOUT') ?: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect', 'Location' => $base . 'slo'],
    ],
    'saml20.sign.assertion' => str_contains(getenv('SIGN'), 'assertion'),
    'saml20.sign.response' => str_contains(getenv('SIGN'), 'response'),
    'assertion.encryption' => getenv('ENCRYPT') !== false,
    'keys' => [
        ['type' => 'X509Certificate', 'signing' => true, 'encryption' => false, 'X509Certificate' => $body(getenv('SIGNED_BY'))],
        ['type' => 'X509Certificate', 'signing' => false, 'encryption' => true, 'X509Certificate' => $body(getenv('ENCRYPT_TO'))],
    ],
];
