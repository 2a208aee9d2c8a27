package plugintest

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
)

const callsAtOnce = 1000

// parallel: right answers only, while the instance is replaced again and again.
func (s *suite) parallel() {
	s.configured()
	credentials := s.issued(8)
	wrong := authn.VerifyRequest{ID: clientID, Secret: "wrong", Records: credentials[0].Records}
	complaints := make(chan string, callsAtOnce+1)
	var calls, replacing sync.WaitGroup
	done := make(chan struct{})
	replacing.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if ds, err := s.h.Configure(s.Context(), s.f.Kind, s.name(), s.f.Config); err != nil || ds.HasErrors() {
				complaints <- fmt.Sprintf("Configure: %v %v", ds, err)
				return
			}
		}
	})
	for i := range callsAtOnce {
		calls.Go(func() {
			if i%4 == 3 {
				if resp, err := s.h.Verify(s.Context(), s.name(), wrong); err != nil || resp.Reason == 0 {
					complaints <- fmt.Sprintf("a wrong secret: accepted %t, error %v", err == nil, err)
				}
				return
			}
			g := credentials[i%len(credentials)]
			resp, err := s.h.Verify(s.Context(), s.name(), g.VerifyRequest)
			if complaint := s.wrong(g, resp, err); complaint != "" {
				complaints <- complaint
			}
		})
	}
	calls.Wait()
	close(done)
	replacing.Wait()
	close(complaints)
	for complaint := range complaints {
		s.Error(complaint)
	}
}

// deadlines: a call that came too late is an error, never an answer, and a call
// that was abandoned harms nobody else.
func (s *suite) deadlines() {
	s.configured()
	credentials := s.issued(1)
	_, call, end := s.h.call(s.Context(), s.name())
	defer end()
	call.DeadlineUnixMicros = time.Now().Add(-time.Second).UnixMicro()
	request := verifyToProto(credentials[0].VerifyRequest)
	request.Call = call
	// The transport has no deadline here: it is the plugin that must look.
	resp, err := authnv1.NewProgramAuthenticatorServiceClient(s.h.now.conn).Verify(s.Context(), request)
	if !problem.Is(received(err), problem.DeadlineExceeded) {
		s.Errorf("a call after its deadline: %v, %v; want %s", resp, err, problem.DeadlineExceeded)
	}
	var calls sync.WaitGroup
	for i := range 50 {
		calls.Go(func() {
			ctx, cancel := context.WithCancel(s.Context())
			defer cancel()
			if i%2 == 0 {
				cancel()
			} else {
				go cancel()
			}
			resp, err := s.h.Verify(ctx, s.name(), credentials[0].VerifyRequest)
			if err == nil && s.wrong(credentials[0], resp, nil) != "" || err != nil && status.Code(err) != codes.Canceled && !problem.Is(err, problem.DeadlineExceeded) {
				s.Errorf("an abandoned call: %+v, %v", resp, err)
			}
		})
	}
	calls.Wait()
	s.expectAccepted(credentials)
}

// restart: keys are the same afterwards, so what was issued is still good.
func (s *suite) restart() {
	s.configured()
	credentials := s.issued(2)
	s.h.Restart(s.Context())
	s.expectAccepted(credentials)
}

// leaks counts the goroutines of a plugin in this process. What the plugin
// keeps for good after its first instance is not counted.
func (s *suite) leaks() {
	cycle := func() {
		s.configured()
		s.expectAccepted(s.issued(1))
		if _, err := s.h.Validate(s.Context(), s.f.Kind, s.name(), s.f.Config); err != nil {
			s.Error(err)
		}
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
	for range 10 {
		cycle()
	}
	for i := 0; s.h.goroutines() > before; i++ {
		if i == settle {
			s.Fatalf("after 10 instances came and went, %d goroutines of the plugin run; %d before", s.h.goroutines(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

var profiled = regexp.MustCompile(`(?m)^(\d+) @ .*\n# labels: (.*)$`)

// goroutines counts those that began with the plugin's server.
func (h *Harness) goroutines() int {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		h.t.Fatal(err)
	}
	count := 0
	for _, m := range profiled.FindAllStringSubmatch(profile.String(), -1) {
		if strings.Contains(m[2], h.label) {
			n, _ := strconv.Atoi(m[1]) // digits, as the pattern says
			count += n
		}
	}
	return count
}
