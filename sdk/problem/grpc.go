package problem

import (
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// domain marks the status details that are ours.
const domain = "gatehouse"

var grpcCodes = map[Code]codes.Code{
	Invalid: codes.InvalidArgument, Unauthenticated: codes.Unauthenticated,
	InsufficientAuthentication: codes.Unauthenticated,
	Expired:                    codes.Unauthenticated, NotYetValid: codes.Unauthenticated,
	Network: codes.PermissionDenied, Forbidden: codes.PermissionDenied,
	NotFound: codes.NotFound, Conflict: codes.AlreadyExists, Changed: codes.Aborted,
	TooLarge: codes.ResourceExhausted, Throttled: codes.ResourceExhausted,
	Internal: codes.Internal, Unsupported: codes.Unimplemented,
	BadUpstream: codes.FailedPrecondition, Unavailable: codes.Unavailable,
	UpstreamTimeout: codes.FailedPrecondition, DeadlineExceeded: codes.DeadlineExceeded,
}

// GRPCStatus lets grpc-go carry the problem over a call: the code, and every
// field but the cause in an ErrorInfo detail. grpc-go calls it by itself.
func (p *Problem) GRPCStatus() *status.Status {
	code, ok := grpcCodes[p.Code]
	if !ok {
		code = codes.Internal
	}
	st := status.New(code, p.Detail)
	info := &errdetails.ErrorInfo{Domain: domain, Reason: string(p.Code), Metadata: map[string]string{}}
	if p.Hint != "" {
		info.Metadata["hint"] = p.Hint
	}
	if p.Permission != "" {
		info.Metadata["permission"] = p.Permission
	}
	if p.RetryAfter > 0 {
		info.Metadata["retry_after_ms"] = strconv.FormatInt(p.RetryAfter.Milliseconds(), 10)
	}
	if with, err := st.WithDetails(info); err == nil {
		return with
	}
	return st
}

// FromGRPC turns what a call returned back into a Problem. It reports false
// for an error that no Problem was sent with: the transport's own, or another
// party's.
func FromGRPC(err error) (*Problem, bool) {
	st, ok := status.FromError(err)
	if !ok || err == nil {
		return nil, false
	}
	for _, detail := range st.Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != domain {
			continue
		}
		code := Code(info.GetReason())
		if _, known := grpcCodes[code]; !known {
			code = Internal
		}
		p := &Problem{
			Code: code, Detail: st.Message(),
			Hint: info.GetMetadata()["hint"], Permission: info.GetMetadata()["permission"],
		}
		if ms, err := strconv.ParseInt(info.GetMetadata()["retry_after_ms"], 10, 32); err == nil && ms > 0 {
			p.RetryAfter = time.Duration(ms) * time.Millisecond
		}
		return p, true
	}
	return nil, false
}
