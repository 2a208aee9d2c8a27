package dialect

// ping: PingFederate's provisioner and PingOne. Filters are whatever the
// administrator writes; with a second, empty e-mail PingOne marks both primary
// (docs.pingidentity.com, p1_scim_provisioning_limitations).
func ping() []Quirk { return []Quirk{Unqualified, ComplexOperand, SingularEmail, ValuePathCompare} }
