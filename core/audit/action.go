package audit

// Action is what was done, as "subject.verb". The words are stable: reports
// and filters depend on them.
type Action string

// The closed list of actions.
const (
	ClientCreated   Action = "client.created"
	ClientUpdated   Action = "client.updated"
	ClientSuspended Action = "client.suspended" // its block was taken away: access stops, data stays
	ClientRestored  Action = "client.restored"

	KeyIssued   Action = "key.issued"
	KeyImported Action = "key.imported" // another system has made and hashed it
	KeyRotated  Action = "key.rotated"
	KeyRevoked  Action = "key.revoked"
	KeyStopped  Action = "key.stopped"  // the owner of its client left
	KeyRestored Action = "key.restored" // that was a mistake

	CredentialRevoked Action = "credential.revoked" // one without a record: a signed token, a license key

	GrantGiven Action = "grant.given"
	GrantTaken Action = "grant.taken"
	GrantKept  Action = "grant.kept"  // something would have taken the last of a protected role
	GrantEnded Action = "grant.ended" // one by hand whose end has come

	UserCreated     Action = "user.created"
	UserAdopted     Action = "user.adopted" // a connection provisions from now on who was there before
	UserChanged     Action = "user.changed"
	UserDeactivated Action = "user.deactivated"
	UserReactivated Action = "user.reactivated"
	UserDeleted     Action = "user.deleted"
	UserRestored    Action = "user.restored" // a deletion was taken back
	UserPurged      Action = "user.purged"   // what was known of a deleted user was erased

	GroupCreated        Action = "group.created"
	GroupChanged        Action = "group.changed"
	GroupDeleted        Action = "group.deleted"
	GroupMembersChanged Action = "group.members_changed"

	ResourceCreated Action = "resource.created" // of a type that a connection declares
	ResourceChanged Action = "resource.changed"
	ResourceDeleted Action = "resource.deleted"

	AdminTokenCreated Action = "admin_token.created"
	AdminTokenRevoked Action = "admin_token.revoked"

	ProvisioningTokenCreated Action = "provisioning_token.created"
	ProvisioningTokenRevoked Action = "provisioning_token.revoked"

	DomainAdded   Action = "domain.added"  // an organization claims an e-mail domain
	DomainProved  Action = "domain.proved" // by the DNS, or by the word of whoever did it
	DomainRemoved Action = "domain.removed"

	SignOnRefused Action = "sign_on.refused"
	UserPinned    Action = "user.pinned" // an IdP's name for somebody means this user from now on
	UserUnpinned  Action = "user.unpinned"

	SessionStarted Action = "session.started" // somebody signed on
	SessionEnded   Action = "session.ended"

	BrakeTripped   Action = "brake.tripped"   // too many people of a connection have left within its window
	BrakeReleased  Action = "brake.released"  // they go for good
	BrakeDiscarded Action = "brake.discarded" // they are restored as they were
	BrakeFinished  Action = "brake.finished"  // a window has ended: what waited for that is done

	ConfigTaken Action = "config.taken" // a configuration revision came into force

	KeyringCreated      Action = "keyring.created"       // the store was bound to its root key
	KeyringResealed     Action = "keyring.resealed"      // another root key has taken its place
	KeyringKeyCreated   Action = "keyring_key.created"   // one of the host's own keys
	KeyringKeyActivated Action = "keyring_key.activated" // it was published before, and signs from now on
	KeyringKeyRetired   Action = "keyring_key.retired"   // another has taken its place; it is still accepted
	KeyringKeyRemoved   Action = "keyring_key.removed"

	PluginReported Action = "plugin.reported" // what a plugin wrote by the Audit host service
)

func (a Action) known() bool {
	switch a {
	case ClientCreated, ClientUpdated, ClientSuspended, ClientRestored,
		KeyIssued, KeyImported, KeyRotated, KeyRevoked, KeyStopped, KeyRestored, CredentialRevoked, GrantGiven, GrantTaken, GrantKept, GrantEnded,
		UserCreated, UserAdopted, UserChanged, UserDeactivated, UserReactivated, UserDeleted, UserRestored, UserPurged,
		GroupCreated, GroupChanged, GroupDeleted, GroupMembersChanged, ResourceCreated, ResourceChanged, ResourceDeleted,
		AdminTokenCreated, AdminTokenRevoked, ProvisioningTokenCreated, ProvisioningTokenRevoked, DomainAdded, DomainProved, DomainRemoved, SignOnRefused, UserPinned, UserUnpinned, SessionStarted, SessionEnded,
		BrakeTripped, BrakeReleased, BrakeDiscarded, BrakeFinished, ConfigTaken,
		KeyringCreated, KeyringResealed, KeyringKeyCreated, KeyringKeyActivated, KeyringKeyRetired, KeyringKeyRemoved, PluginReported:
		return true
	}
	return false
}
