package plugintest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// abandoned: a call that came too late signs nobody on, and one that nobody waits
// for harms nobody else.
func (s *peopleSuite) abandoned() {
	s.configured()
	_, r := s.answered(s.f.Answer)
	_, call, end := s.h.call(s.Context(), s.name())
	defer end()
	call.DeadlineUnixMicros = time.Now().Add(-time.Second).UnixMicro()
	request := completeToProto(r)
	request.Call = call
	// The transport has no deadline here: it is the plugin that must look.
	if got, err := s.h.people().Complete(s.Context(), request); !problem.Is(received(err), problem.DeadlineExceeded) {
		s.Errorf("a call after its deadline: %v, %v; want %s", got.GetIdentity() != nil, err, problem.DeadlineExceeded)
	}
	var calls sync.WaitGroup
	for i := range 40 {
		_, r := s.answered(s.f.Answer)
		calls.Go(func() {
			ctx, cancel := context.WithCancel(s.Context())
			defer cancel()
			if i%2 == 0 {
				cancel()
			} else {
				go cancel()
			}
			_, err := s.h.Complete(ctx, s.name(), r)
			if err != nil && status.Code(err) != codes.Canceled && !problem.Is(err, problem.DeadlineExceeded) {
				s.Errorf("an abandoned call: %v", err)
			}
			if _, err := s.h.Begin(ctx, s.name(), s.asked()); err != nil && status.Code(err) != codes.Canceled && !problem.Is(err, problem.DeadlineExceeded) {
				s.Errorf("an abandoned Begin: %v", err)
			}
		})
	}
	calls.Wait()
	s.signsOn("after abandoned calls")
}

const signOnsAtOnce = 100

// parallel: each answer is its own, while the instance is replaced again and
// again, and one that comes many times at once counts once.
func (s *peopleSuite) parallel() {
	s.configured()
	var answers []authn.CompleteRequest
	for range signOnsAtOnce {
		_, r := s.answered(s.f.Answer)
		answers = append(answers, r)
	}
	stop := make(chan struct{})
	var replacing, calls sync.WaitGroup
	replacing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), s.f.Config); err != nil || ds.HasErrors() {
				s.Errorf("the good configuration was refused: %v %v", ds, err)
				return
			}
		}
	})
	for _, r := range answers {
		calls.Go(func() {
			if _, err := s.h.Complete(s.Context(), s.name(), r); err != nil {
				s.Errorf("beside others: %v", err)
			}
		})
	}
	calls.Wait()
	close(stop)
	replacing.Wait()

	_, one := s.answered(s.f.Answer)
	var counted atomic.Int32
	for range 20 {
		calls.Go(func() {
			denied := (*authn.Denied)(nil)
			if _, err := s.h.Complete(s.Context(), s.name(), one); err == nil {
				counted.Add(1)
			} else if !errors.As(err, &denied) {
				s.Errorf("an answer that comes many times: %v", err)
			}
		})
	}
	calls.Wait()
	if counted.Load() != 1 {
		s.Errorf("an answer that came 20 times at once counted %d times", counted.Load())
	}
}

// leaks counts the goroutines of a plugin in this process. What the plugin
// keeps for good after its first instance is not counted.
func (s *peopleSuite) leaks() {
	cycle := func() {
		s.configured()
		s.signsOn("a good answer")
		s.configured()
		if err := s.h.Remove(s.Context(), s.name()); err != nil {
			s.Error(err)
		}
	}
	cycle()
	if s.h.label == "" {
		s.Skip("goroutines can be counted in this process only")
	}
	const settle = 200 // times 10 ms
	before := s.h.goroutines()
	for range 5 {
		cycle()
	}
	for i := 0; s.h.goroutines() > before; i++ {
		if i == settle {
			s.Fatalf("after 5 instances came and went, %d goroutines of the plugin run; %d before", s.h.goroutines(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// secrets lets the plugin see what must not be shown in good and bad calls, and
// looks for it in all that it says: the configuration's, and whole answers, with
// which somebody could sign on.
func (s *peopleSuite) secrets() {
	hidden := map[string]string{} // text -> what it is
	hide := func(what, text string) {
		if len(text) >= shortest {
			hidden[text] = what
			hidden[base64.StdEncoding.EncodeToString([]byte(text))] = what + ", in base64"
		}
	}
	var said strings.Builder
	s.configured()
	for _, k := range s.h.Keys(s.name()) {
		hide("a key", string(k.Key))
	}
	object, err := asObject(s.f.Config)
	if err != nil {
		s.Fatal(err)
	}
	for _, a := range s.kind.Schema.Attributes {
		var text string
		if a.Sensitive && json.Unmarshal(object[a.Name], &text) == nil {
			hide("the value of "+a.Name, text)
		}
	}
	for _, bad := range s.f.BadConfigs {
		ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), bad.Values)
		_, _ = fmt.Fprintln(&said, ds, err)
	}
	asked, good := s.answered(s.f.Answer)
	hideProof := func(what, text string) { // names, such as the IdP's own address, may be told
		if len(text) >= 20 && !strings.Contains(text, "://") {
			hide(what, text)
		}
	}
	for parameter := range strings.SplitSeq(good.Incoming.RawQuery, "&") {
		if _, value, _ := strings.Cut(parameter, "="); value != asked.Relay {
			hideProof("a parameter", value)
			if plain, err := url.QueryUnescape(value); err == nil {
				hideProof("a parameter", plain)
			}
		}
	}
	for _, f := range good.Incoming.Form {
		hideProof("a field", f.Value)
	}
	hideProof("the body", string(good.Incoming.Body))
	again := good
	again.State = nil
	for _, r := range []authn.CompleteRequest{again, good, good} {
		_, err := s.h.Complete(s.Context(), s.name(), r)
		_, _ = fmt.Fprintln(&said, err)
	}
	_, _ = fmt.Fprintln(&said, s.h.Audited())
	s.h.now.stop() // the end of a binary is also the end of its log
	_, _ = fmt.Fprintln(&said, s.h.Logs())
	for text, what := range hidden {
		if text != asked.Relay && strings.Contains(said.String(), text) {
			s.Errorf("%s is shown in a log, an error, a denial, a diagnostic or an audit event", what)
		}
	}
}
