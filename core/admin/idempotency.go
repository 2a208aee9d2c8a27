package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	wire "github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// maxIdempotencyKey bounds a key, in characters.
const maxIdempotencyKey = 255

// idempotencyKeyForm is the header's: a String of RFC 9651 §3.3.3, as
// draft-ietf-httpapi-idempotency-key-header asks for. Neither quotation mark nor
// backslash is among its characters: two ways to write one key would be two keys.
var idempotencyKeyForm = fmt.Sprintf(`^"[ !#-\[\]-~]{1,%d}"$`, maxIdempotencyKey)

var idempotencyKeys = regexp.MustCompile(idempotencyKeyForm)

// idempotencyKey reads the header; "" is that there is none.
func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header["Idempotency-Key"]
	if len(values) == 0 {
		return "", nil
	}
	if value := strings.Trim(values[0], " \t"); len(values) == 1 && idempotencyKeys.MatchString(value) {
		return value, nil
	}
	return "", problem.New(problem.Invalid, "the header Idempotency-Key is not one key in quotation marks").
		WithHint(`such as Idempotency-Key: "8e03978e-40d5-43e8-bc93-6894a57f9324"; at most %d visible ASCII characters`, maxIdempotencyKey)
}

func digest(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(sum, "%d:%s", len(part), part) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// shown is an answer with a secret in it. What may be kept of it is made, which
// has none.
type shown interface{ kept() wire.Made }

// once does what the route does, unless the actor has done it with this key: then
// the answer is that of the first time. A request that was refused, or failed, has
// not been done, and leaves the key free.
func (a *API) once(c *call, rt route, key string) (status int, body any, err error) {
	text, err := io.ReadAll(c.Body)
	if err != nil {
		return 0, nil, explain(err)
	}
	c.Body = io.NopCloser(bytes.NewReader(text))
	hashed := digest(key)
	request := digest(c.Method, c.URL.Path, strings.Join(c.Header["If-Match"], ","), string(text))
	before, taken, err := a.answers.claim(c.Context(), c.actor.name, hashed, request)
	if err != nil {
		return 0, nil, err
	}
	if !taken {
		return repeated(before, request, rt)
	}
	status, body, err = rt.answer(a, c)
	// It is done, or not, whether or not the caller still listens.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), 5*time.Second)
	defer cancel()
	var noted error
	if err != nil {
		noted = a.answers.forget(ctx, c.actor.name, hashed)
	} else {
		noted = a.keepAnswer(ctx, c, hashed, status, body)
	}
	if noted != nil { // a repetition will hear that the end is not known
		a.Logger.WarnContext(ctx, "the end of a request with an idempotency key could not be noted", "trace_id", c.trace, "error", noted)
	}
	return status, body, err
}

func (a *API) keepAnswer(ctx context.Context, c *call, key string, status int, body any) error {
	if secret, ok := body.(shown); ok {
		body = secret.kept()
	}
	text := ""
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = string(encoded)
	}
	return a.answers.keep(ctx, c.actor.name, key, status, text)
}

// repeated answers a request whose key was used before.
func repeated(before kept, request string, rt route) (int, any, error) {
	switch {
	case before.request != request:
		return 0, nil, withStatus{http.StatusUnprocessableEntity, problem.New(problem.Invalid, "this idempotency key was used for another request").
			WithHint("a new request needs a new key; a repetition has the same path and body, byte by byte")}
	case before.status == 0:
		return 0, nil, problem.New(problem.Conflict, "the first request with this idempotency key has not ended, or its end is not known").
			WithHint("look whether it was done, and if not, make the request with a new key").WithRetryAfter(time.Second)
	case rt.secret:
		var made wire.Made
		if err := json.Unmarshal([]byte(before.body), &made); err != nil {
			return 0, nil, fmt.Errorf("what was kept of an answer: %w", err)
		}
		return 0, nil, alreadyMade{problem.New(problem.Conflict, "this was done by the first request with this idempotency key, whose answer had the secret").
			WithHint("if that answer was lost, revoke what was made, and make another with a new key"), made}
	case before.body == "":
		return before.status, nil, nil
	}
	return before.status, json.RawMessage(before.body), nil
}

// alreadyMade refuses to make something again, and says what there is. Its secret
// was never kept.
type alreadyMade struct {
	*problem.Problem
	made wire.Made
}

func (m alreadyMade) Unwrap() error { return m.Problem }
