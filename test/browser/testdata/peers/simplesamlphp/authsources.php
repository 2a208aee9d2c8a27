<?php
$config = [
    'people' => [
        'exampleauth:UserPass',
        'ada:lovelace' => ['uid' => ['ada'], 'email' => ['ada@acme.example'], 'firstName' => ['Ada'], 'lastName' => ['Lovelace'], 'groups' => ['Data']],
        'bob:builder' => ['uid' => ['bob'], 'email' => ['bob@acme.example'], 'firstName' => ['Bob'], 'lastName' => ['Builder'], 'groups' => []],
    ],
];
