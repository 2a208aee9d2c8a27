package transport_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The echo service sends back what it gets, in each of the ways that a call
// could be made. It is described by hand: the protocol has no such service.
const (
	echoName    = "measure.Echo"
	unary       = "unary"
	pooled      = "pooled streams"
	multiplexed = "one stream"
)

func echoService() *grpc.ServiceDesc {
	stream := func(name string, h grpc.StreamHandler) grpc.StreamDesc {
		return grpc.StreamDesc{StreamName: name, Handler: h, ServerStreams: true, ClientStreams: true}
	}
	return &grpc.ServiceDesc{
		ServiceName: echoName, HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Unary", Handler: echoUnary}},
		Streams: []grpc.StreamDesc{stream("Pooled", echoPooled), stream("Multiplexed", echoMultiplexed)},
	}
}

//nolint:revive // gRPC has the order of the parameters
func echoUnary(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	m := &wrapperspb.BytesValue{}
	return m, decode(m)
}

func echoPooled(_ any, s grpc.ServerStream) error {
	for {
		m := &wrapperspb.BytesValue{}
		if err := s.RecvMsg(m); err != nil {
			return ended(err)
		}
		if err := s.SendMsg(m); err != nil {
			return err
		}
	}
}

// echoMultiplexed answers each message in a goroutine of its own, as a server
// has to whose answers may take different times.
func echoMultiplexed(_ any, s grpc.ServerStream) error {
	var sending sync.Mutex
	for {
		m := &wrapperspb.BytesValue{}
		if err := s.RecvMsg(m); err != nil {
			return ended(err)
		}
		go func() {
			sending.Lock()
			defer sending.Unlock()
			_ = s.SendMsg(m) // the stream's end comes back from RecvMsg
		}()
	}
}

func ended(err error) error {
	if err == io.EOF { //nolint:errorlint // RecvMsg returns it as it is
		return nil
	}
	return err
}

// caller makes one call: it sends the message and returns what came back. A
// message has room for an id of 8 bytes at its beginning.
type caller func(ctx context.Context, message []byte) ([]byte, error)

// dial returns a caller for each way; their streams end with ctx.
func dial(ctx context.Context, conn grpc.ClientConnInterface) (map[string]caller, error) {
	one, err := multiplexedCaller(ctx, conn)
	if err != nil {
		return nil, err
	}
	return map[string]caller{unary: unaryCaller(conn), pooled: pooledCaller(ctx, conn), multiplexed: one}, nil
}

func unaryCaller(conn grpc.ClientConnInterface) caller {
	return func(ctx context.Context, message []byte) ([]byte, error) {
		answer := &wrapperspb.BytesValue{}
		err := conn.Invoke(ctx, "/"+echoName+"/Unary", &wrapperspb.BytesValue{Value: message}, answer)
		return answer.GetValue(), err
	}
}

// maxCallers bounds the callers at once, and so the streams that are kept.
const maxCallers = 64

func pooledCaller(streams context.Context, conn grpc.ClientConnInterface) caller {
	idle := make(chan grpc.ClientStream, maxCallers)
	return func(_ context.Context, message []byte) ([]byte, error) {
		var s grpc.ClientStream
		select {
		case s = <-idle:
		default:
			var err error
			if s, err = conn.NewStream(streams, &echoService().Streams[0], "/"+echoName+"/Pooled"); err != nil {
				return nil, err
			}
		}
		answer := &wrapperspb.BytesValue{}
		if err := s.SendMsg(&wrapperspb.BytesValue{Value: message}); err != nil {
			return nil, err
		}
		if err := s.RecvMsg(answer); err != nil {
			return nil, err
		}
		idle <- s
		return answer.GetValue(), nil
	}
}

func multiplexedCaller(streams context.Context, conn grpc.ClientConnInterface) (caller, error) {
	s, err := conn.NewStream(streams, &echoService().Streams[1], "/"+echoName+"/Multiplexed")
	if err != nil {
		return nil, err
	}
	var (
		sending sync.Mutex
		waiting sync.Map // id -> chan []byte
		nextID  uint64
	)
	go func() {
		for {
			answer := &wrapperspb.BytesValue{}
			if s.RecvMsg(answer) != nil {
				return
			}
			if to, ok := waiting.LoadAndDelete(binary.BigEndian.Uint64(answer.GetValue())); ok {
				to.(chan []byte) <- answer.GetValue()
			}
		}
	}()
	return func(ctx context.Context, message []byte) ([]byte, error) {
		to := make(chan []byte, 1)
		sending.Lock()
		nextID++
		binary.BigEndian.PutUint64(message, nextID)
		waiting.Store(nextID, to)
		err := s.SendMsg(&wrapperspb.BytesValue{Value: message})
		sending.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case answer := <-to:
			return answer, nil
		case <-s.Context().Done():
			return nil, fmt.Errorf("the stream ended: %w", s.Context().Err())
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, nil
}
