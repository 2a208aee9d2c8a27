package access

import (
	"context"

	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/tracing"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// foundRecord is a record with the versions of what it was read from.
type foundRecord struct {
	credential.Record
	exists bool
	kept   bool // it was known before, and the store was not asked
	deps   change.Deps
}

// recordsKept is how many records are kept of which a secret was right. They
// serve the client's other key, and whoever guesses at its id.
const recordsKept = 10_000

// record finds what an id of an instance belongs to. A record is kept only once
// a secret of it was right (see keep): nobody fills the memory with guesses.
func (s *Service) record(ctx context.Context, instance, id string) (foundRecord, error) {
	if known, ok := s.records.GetIfPresent(recordKey{instance, id}); ok && known.deps.Fresh() {
		return *known, nil
	}
	position := s.Feed.Position()
	tag := change.ClientKey(id)
	if credential.IsClientID(id) {
		tag = change.Client(id)
	}
	found := foundRecord{deps: s.Feed.Observe(tag, change.Instance(instance))}
	var err error
	if found.Record, found.exists, err = s.find(ctx, id); err != nil {
		return foundRecord{}, err
	}
	if !credential.IsClientID(id) {
		// The id is a key's, and of which client was not known before it was read.
		client := found.Client.ID
		found.deps.Add(change.Client(client))
		if s.Feed.Position() != position {
			if found.Record, found.exists, err = s.find(ctx, client); err != nil {
				return foundRecord{}, err
			}
		}
	}
	if found.exists && found.Client.Instance != instance {
		found.exists = false
	}
	return found, nil
}

// locate says under which id the record is to be looked for. That of a secret
// without an id is found by digest, and without one there the id is nobody's: from
// here on the same is done for it as for any other. Who is found so holds the
// right secret, so that the time of the finding tells nobody else anything.
func (s *Service) locate(ctx context.Context, p presented) (string, error) {
	if !p.by.credential.ByDigest {
		return p.recordID(), nil
	}
	digests, err := s.Verifier.Locate(ctx, p.by.instance, secret.Text(p.secret))
	if err != nil {
		return "", err
	}
	id, err := s.Records.FindID(ctx, p.by.instance, digests)
	if err == nil && id == "" {
		id = nobodysIDs.key
	}
	return id, err
}

// find reads a record from the store.
func (s *Service) find(ctx context.Context, id string) (record credential.Record, known bool, err error) {
	ctx, span := tracing.Child(ctx, "store find")
	defer func() { span.End(err) }()
	return s.Records.Find(ctx, id)
}

// recordKey is what a record is kept under.
type recordKey struct{ instance, id string }

// keep remembers a record for the next of its secrets.
func (s *Service) keep(instance, id string, found foundRecord) {
	if found.kept {
		return
	}
	found.kept = true
	s.records.Set(recordKey{instance, id}, &found)
}

// even makes a refusal cost the same whether the id has a record or not, and
// whether that was kept: one look-up that finds and one that does not, of ids
// of one form. Without it the database tells, by some µs, which ids exist.
func (s *Service) even(ctx context.Context, id string, found foundRecord) {
	if len(found.Keys) > 0 && s.known.Load() == nil {
		s.known.Store(&knownIDs{client: found.Client.ID, key: found.Keys[0].ID})
	}
	look := func(ids *knownIDs) {
		if ids == nil {
			return // there is no record yet that could be found
		}
		other := ids.key
		if credential.IsClientID(id) {
			other = ids.client
		}
		_, _, _ = s.Records.Find(ctx, other) // refused all the same
	}
	if found.kept || found.Client.ID == "" {
		look(s.known.Load())
	}
	if found.kept || found.Client.ID != "" {
		look(nobodysIDs)
	}
}

// knownIDs are ids of some client that has a record, and of a key of its.
type knownIDs struct{ client, key string }

// nobodysIDs have the form of others, and no record.
var nobodysIDs = &knownIDs{client: "nobody-has-this-id-and-nobody-will", key: "K"}
