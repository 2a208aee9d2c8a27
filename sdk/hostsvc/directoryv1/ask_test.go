package directoryv1_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/gatehouse-id/gatehouse/sdk/directory"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	hostv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/host/v1"
)

// wayward panics and hangs, and tells of it.
type wayward struct {
	*echoing
	hanging, cancelled chan struct{}
}

func (w wayward) Members(ctx context.Context, group, after string, limit int) ([]directory.Member, bool, error) {
	switch group {
	case "panic":
		panic("secret")
	case "hang":
		w.hanging <- struct{}{}
		<-ctx.Done()
		w.cancelled <- struct{}{}
		return nil, false, ctx.Err()
	}
	return w.echoing.Members(ctx, group, after, limit)
}

// A question that fails, or that nobody waits for, takes no other with it.
func TestQuestionsAreApart(t *testing.T) {
	w := wayward{echoing: &echoing{}, hanging: make(chan struct{}), cancelled: make(chan struct{})}
	ctx, host, _ := askingOf(t, w.echoing, w)
	if _, _, err := host.Members(ctx, "panic", "", 1); !problem.Is(err, problem.Internal) {
		t.Errorf("a panic: %v", err)
	}
	impatient, cancel := context.WithCancel(ctx)
	go func() { <-w.hanging; cancel() }()
	if _, _, err := host.Members(impatient, "hang", "", 1); !problem.Is(err, problem.DeadlineExceeded) {
		t.Errorf("a question that was given up: %v", err)
	}
	<-w.cancelled
	var working sync.WaitGroup
	for n := range 500 {
		working.Go(func() {
			want := fmt.Sprint(n)
			got, _, err := host.Members(ctx, "g", want, 1)
			if err != nil || len(got) != 1 || got[0].ID != want {
				t.Errorf("question %s was answered %v, %v", want, got, err)
			}
		})
	}
	working.Wait()
}

// A host that ends fails those who wait for it.
func TestQuestionsEndWithTheHost(t *testing.T) {
	w := wayward{echoing: &echoing{}, hanging: make(chan struct{}), cancelled: make(chan struct{}, 1)}
	ctx, host, _ := askingOf(t, w.echoing, w)
	failed := make(chan error)
	go func() {
		_, _, err := host.Members(ctx, "hang", "", 1)
		failed <- err
	}()
	<-w.hanging
	w.stop()
	if err := <-failed; err == nil {
		t.Error("a question was answered by a host that has ended")
	}
	if _, _, err := host.Members(ctx, "g", "", 1); err == nil {
		t.Error("a host that has ended answers")
	}
}

// What this host does not know is refused.
func TestUnknownQuestion(t *testing.T) {
	ctx, _, conn := asking(t, &echoing{})
	stream, err := hostv1.NewDirectoryServiceClient(conn).Ask(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&hostv1.AskRequest{Number: 7}); err != nil {
		t.Fatal(err)
	}
	if got, err := stream.Recv(); err != nil || got.GetNumber() != 7 || got.GetProblem().GetCode() != string(problem.Unsupported) {
		t.Errorf("it was answered %v, %v", got, err)
	}
}
