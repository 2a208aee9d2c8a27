package saml

// Describe is the plugin with a clock of the test's.
var Describe = describe
