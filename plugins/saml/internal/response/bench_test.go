package response_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/gatehouse-id/gatehouse/plugins/saml/samltest"
)

// benchmarked is a response of somebody in so many groups, and one signature.
func benchmarked(b *testing.B, groups int) []byte {
	b.Helper()
	m := genuine()
	list := make([]string, groups)
	for i := range list {
		list[i] = fmt.Sprintf("Group %d of the organization", i)
	}
	m.Attributes = []samltest.Attribute{{Name: "groups", Values: list}, {Name: "email", Values: []string{person}}}
	return []byte(write(b, m))
}

// cpu reports the time that processors had with it, which other work on the machine
// does not change as much.
func cpu(b *testing.B) func() {
	b.Helper()
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

// BenchmarkRead is what a response costs, from the bytes of a browser to an assertion
// that holds.
func BenchmarkRead(b *testing.B) {
	for _, groups := range []int{0, 50, 2_000, 20_000} {
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			message, v, x := benchmarked(b, groups), validator(), expected()
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				if _, _, err := v.Read(b.Context(), message, x); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFloor is what nobody can do without: the same bytes are parsed once and
// hashed once, and a signature of RSA is verified once.
func BenchmarkFloor(b *testing.B) {
	for _, groups := range []int{0, 50, 2_000, 20_000} {
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			message, key := benchmarked(b, groups), keys()[0]
			sum := sha256.Sum256(message)
			signature, err := key.Private.Sign(nil, sum[:], crypto.SHA256)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(message)))
			defer cpu(b)()
			for b.Loop() {
				d := xml.NewDecoder(bytes.NewReader(message))
				for {
					if _, err := d.Token(); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
				sum := sha256.Sum256(message)
				if err := rsa.VerifyPKCS1v15(key.Public(), crypto.SHA256, sum[:], signature); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
