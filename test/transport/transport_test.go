// Package transport_test measures in which way host and plugin should call each
// other: a call of its own each time, or streams that stay open. It runs the two
// real processes with go-plugin's AutoMTLS and its one connection for both
// directions, and leads to docs/decisions/0001-transport.md:
//
//	go test -bench . -benchtime 0.3s ./test/transport
package transport_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"

	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	basev1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/base/v1"
)

// rounds is how often everything is measured, in turn: A B C A B C. The table
// gives medians.
const rounds = 3

var sizes = []int{100, 1 << 10, 16 << 10, 256 << 10, 1 << 20} // bytes, each way

func BenchmarkTransport(b *testing.B) {
	echo, verify := startBoth(b)
	ways, err := dial(b.Context(), echo.conn)
	if err != nil {
		b.Fatal(err)
	}
	for round := range rounds {
		for _, callers := range []int{1, maxCallers} {
			for _, way := range []string{unary, pooled} {
				measure(b, result{"Verify", way, 0, callers, round}, verify.pid, func(ctx context.Context, calls int) error {
					return each(callers, calls, verifyCaller(ctx, verify.conn, way))
				})
			}
			for _, size := range sizes {
				for _, way := range []string{unary, pooled, multiplexed} {
					measure(b, result{"host to plugin", way, size, callers, round}, echo.pid, func(ctx context.Context, calls int) error {
						return each(callers, calls, func() func() error {
							message := make([]byte, size)
							return func() error { return checked(ctx, ways[way], message) }
						})
					})
					measure(b, result{"plugin to host", way, size, callers, round}, echo.pid, func(ctx context.Context, calls int) error {
						return echo.carryOut(ctx, order{Way: way, Size: size, Callers: callers, Calls: calls})
					})
				}
			}
		}
	}
}

// TestEveryWayAnswers is the benchmark's own test, with the largest message.
func TestEveryWayAnswers(t *testing.T) {
	echo, verify := startBoth(t)
	ways, err := dial(t.Context(), echo.conn)
	if err != nil {
		t.Fatal(err)
	}
	for way, call := range ways {
		if err := checked(t.Context(), call, make([]byte, 1<<20)); err != nil {
			t.Errorf("host to plugin, %s: %v", way, err)
		}
		if err := echo.carryOut(t.Context(), order{Way: way, Size: 1 << 20, Callers: 4, Calls: 16}); err != nil {
			t.Errorf("plugin to host, %s: %v", way, err)
		}
	}
	for _, way := range []string{unary, pooled} {
		if err := each(4, 16, verifyCaller(t.Context(), verify.conn, way)); err != nil {
			t.Errorf("Verify, %s: %v", way, err)
		}
	}
}

func startBoth(tb testing.TB) (echo, verify ends) {
	tb.Helper()
	echo, verify = start(tb, roleEcho), start(tb, roleVerify)
	go echo.broker.AcceptAndServe(brokerID, func(opts []grpc.ServerOption) *grpc.Server {
		s := newServer(opts)
		s.RegisterService(echoService(), nil)
		return s
	})
	_, err := basev1.NewPluginServiceClient(verify.conn).Configure(tb.Context(), &basev1.ConfigureRequest{
		Call: &basev1.Call{Instance: "measured"}, Kind: "measured", Config: []byte("{}"),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return echo, verify
}

// verifyCaller makes the calls of one caller after the other: Verify with two
// records, about 100 bytes each way.
func verifyCaller(ctx context.Context, conn grpc.ClientConnInterface, way string) func() func() error {
	client := authnv1.NewProgramAuthenticatorServiceClient(conn)
	request := &authnv1.VerifyRequest{
		Call:      &basev1.Call{Handle: "0123456789abcdef", Instance: "measured"},
		Presented: &authnv1.Presented{Id: "my-tenant", Secret: "ghk_0123456789abcdef_0123456789abcdef0123456789abcdef012345"},
		Records:   []*authnv1.Record{{Id: "0123456789abcdef", Verifier: make([]byte, 40)}, {Id: "0123456789abcdee", Verifier: make([]byte, 40)}},
	}
	accepted := func(r *authnv1.VerifyResponse) error {
		if r.GetMatch().GetRecordId() != "0123456789abcdef" {
			return fmt.Errorf("Verify answered %v", r)
		}
		return nil
	}
	return func() func() error {
		if way == unary {
			return func() error {
				r, err := client.Verify(ctx, request)
				if err != nil {
					return err
				}
				return accepted(r)
			}
		}
		stream, err := client.VerifyStream(ctx)
		return func() error {
			if err != nil {
				return err
			}
			if err := stream.Send(&authnv1.VerifyStreamRequest{Requests: []*authnv1.VerifyRequest{request}}); err != nil {
				return err
			}
			r, err := stream.Recv()
			if err != nil {
				return err
			}
			return accepted(r.GetAnswers()[0].GetResponse())
		}
	}
}

func checked(ctx context.Context, call caller, message []byte) error {
	answer, err := call(ctx, message)
	if err == nil && len(answer) != len(message) {
		return fmt.Errorf("%d bytes came back of %d", len(answer), len(message))
	}
	return err
}

// each shares a number of calls among callers at once. prepare is called once
// for each of them.
func each(callers, calls int, prepare func() func() error) error {
	var (
		left   atomic.Int64
		group  sync.WaitGroup
		failed atomic.Pointer[error]
	)
	left.Store(int64(calls))
	for range min(callers, calls) {
		call := prepare()
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := call(); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
