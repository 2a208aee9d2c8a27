package plugin

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
	provisionv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/provision/v1"
	"github.com/gatehouse-id/gatehouse/sdk/provision"
)

// mountForm is a clean absolute path of up to 64 bytes.
var mountForm = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

const mountLimit = 64

func checkProvisioner(k provision.Kind) error {
	errs := []error{checkKind(k.Name, k.Doc, k.New == nil, k.Schema)}
	switch {
	case k.Mount == "" && !k.Pulls:
		errs = append(errs, errors.New("it neither has a mount nor pulls"))
	case k.Mount != "" && (len(k.Mount) > mountLimit || !mountForm.MatchString(k.Mount)):
		errs = append(errs, fmt.Errorf("mount %q is not a path such as /scim/v2, of letters, digits, dots, dashes and at most %d bytes", k.Mount, mountLimit))
	case k.Mount != "" && k.Errors != provision.SCIMErrors && k.Errors != provision.ProblemDetails:
		errs = append(errs, fmt.Errorf("there is no form of errors %q", string(k.Errors)))
	case k.Mount == "" && k.Errors != "":
		errs = append(errs, errors.New("it has a form of errors, and no mount to use it at"))
	}
	return errors.Join(errs...)
}

// checkMade checks that an instance can do what its kind says.
func (s *server) checkMade(k provision.Kind, made any) error {
	_, pushes := made.(provision.Pusher)
	_, pulls := made.(provision.Puller)
	switch {
	case !pushes && !pulls:
		return problem.New(problem.Internal, "plugin %q made an instance of %q that neither is pushed to nor pulls", s.plugin.Name, k.Name)
	case pushes && !pulls && k.Mount == "":
		return problem.New(problem.Internal, "plugin %q made an instance of %q that is pushed to, and has no mount", s.plugin.Name, k.Name)
	case pulls && !pushes && !k.Pulls:
		return problem.New(problem.Internal, "plugin %q made an instance of %q that pulls, and does not say so", s.plugin.Name, k.Name)
	}
	return nil
}

// Sync does a part of a pass.
func (s *server) Sync(ctx context.Context, r *provisionv1.SyncRequest) (resp *provisionv1.SyncResponse, err error) {
	ctx, end := s.begin(ctx, r.GetCall(), "Sync")
	defer end(&err)
	puller, err := instanceOf[provision.Puller](ctx, s, r.GetCall())
	if err != nil {
		return nil, err
	}
	var notes notes
	progress, err := puller.Sync(provision.WithCall(ctx, provision.Call{Record: notes.record}), r.GetCursor())
	if err != nil {
		return nil, err
	}
	return &provisionv1.SyncResponse{Cursor: progress.Cursor, Done: progress.Done, Notes: notes.take()}, nil
}

// noteLimit is how many notes of one request are kept. The host takes no more.
const noteLimit = 64

// notes are those of one request.
type notes struct {
	mu   sync.Mutex
	list []*provisionv1.Note
}

func (n *notes) record(note provision.Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) < noteLimit {
		n.list = append(n.list, &provisionv1.Note{Rule: printable(note.Rule), Detail: printable(note.Detail)})
	}
}

func (n *notes) take() []*provisionv1.Note {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.list
}
