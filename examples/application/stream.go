package application

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

const (
	interval   = time.Second
	maxMessage = 32 << 10 // bytes of a WebSocket message
)

// events sends one server-sent event a second with who is listening, until the
// caller leaves or StreamLimit has passed.
func events(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), StreamLimit)
	defer cancel()
	who, err := json.Marshal(callerOf(r))
	if err != nil {
		problem.Write(w, err, "")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	stream := http.NewResponseController(w)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for n := 1; ; n++ {
		if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", n, who); err != nil {
			return
		}
		if err := stream.Flush(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// echo sends every WebSocket message back, until the caller leaves or
// StreamLimit has passed. Pages of other origins are refused by Accept.
func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	conn.SetReadLimit(maxMessage)
	ctx, cancel := context.WithTimeout(r.Context(), StreamLimit)
	defer cancel()
	for {
		kind, message, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if err := conn.Write(ctx, kind, message); err != nil {
			return
		}
	}
}
