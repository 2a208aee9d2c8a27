package credential_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/gatehouse-id/gatehouse/core/audit"
	"github.com/gatehouse-id/gatehouse/core/change"
	"github.com/gatehouse-id/gatehouse/core/credential"
	"github.com/gatehouse-id/gatehouse/core/store/storetest"
)

func BenchmarkFind(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			s := storetest.Open(b, url(b))
			r := credential.New(credential.Options{Store: s, Feed: change.NewFeed(s, time.Now), Audit: audit.New(time.Now, rand.Reader),
				Issuer: plugin{}, Clock: time.Now, Random: rand.Reader})
			_, key, _, err := r.Create(b.Context(), by, credential.Client{ID: "my-tenant", Organization: "acme", Instance: "apikey"}, 0, nothing)
			if err != nil {
				b.Fatal(err)
			}
			for kind, id := range map[string]string{"client": "my-tenant", "key": key.ID} {
				b.Run(kind, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if _, ok, err := r.Find(b.Context(), id); !ok || err != nil {
							b.Fatal(ok, err)
						}
					}
				})
			}
		})
	}
}
