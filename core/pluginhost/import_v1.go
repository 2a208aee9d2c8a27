//go:build unix

package pluginhost

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-id/gatehouse/sdk/authn"
	authnv1 "github.com/gatehouse-id/gatehouse/sdk/proto/gatehouse/authn/v1"
	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

func (p *process) imports(ctx context.Context, name, organization string, hashes []string) ([]authn.Imported, error) {
	call, end, err := p.call(ctx, name, organization)
	if err != nil {
		return nil, err
	}
	defer end()
	answer, err := authnv1.NewProgramAuthenticatorServiceClient(p.conn).Import(ctx, &authnv1.ImportRequest{Call: call, Hashes: hashes})
	if err != nil {
		return nil, withoutSecrets(p.failure(ctx, err), hashes...)
	}
	out, err := importedV1(answer, len(hashes))
	if err != nil {
		return nil, p.lied("Import", err)
	}
	return out, nil
}

// importedV1 checks what became of some hashes.
func importedV1(r *authnv1.ImportResponse, asked int) ([]authn.Imported, error) {
	if len(r.GetResults()) != asked {
		return nil, fmt.Errorf("it has %d results for %d hashes", len(r.GetResults()), asked)
	}
	out := make([]authn.Imported, asked)
	for i, one := range r.GetResults() {
		made, err := oneImportedV1(one)
		if err != nil {
			return nil, fmt.Errorf("result %d: %w", i+1, err)
		}
		out[i] = made
	}
	return out, nil
}

func oneImportedV1(r *authnv1.Imported) (authn.Imported, error) {
	made := authn.Imported{Verifier: r.GetVerifier(), Scheme: r.GetScheme(), Problem: r.GetProblem(), Digest: r.GetDigest()}
	if made.Problem != "" {
		if len(made.Verifier) > 0 || made.Scheme != "" || len(made.Digest) > 0 {
			return authn.Imported{}, errors.New("it has a problem, and a verifier all the same")
		}
		return made, checkLine("the problem", made.Problem, 256)
	}
	switch {
	case len(made.Verifier) == 0 || len(made.Verifier) > verifierLimit:
		return authn.Imported{}, fmt.Errorf("the verifier is %d bytes, 1 to %d are allowed", len(made.Verifier), verifierLimit)
	case len(made.Digest) > 0 && !digestLengths(made.Digest):
		return authn.Imported{}, fmt.Errorf("the digest is not %d to %d bytes", digestLeast, digestMost)
	case !label.MatchString(made.Scheme):
		return authn.Imported{}, errors.New("the scheme is not lower case letters, digits and dashes")
	}
	return made, nil
}

// The limits of digests. A short one would fit the secret of somebody else.
const (
	digestLeast = 16 // bytes
	digestMost  = 64
	digestLimit = 8 // of one secret
)

func digestLengths(digests ...[]byte) bool {
	for _, d := range digests {
		if len(d) < digestLeast || len(d) > digestMost {
			return false
		}
	}
	return true
}

func (p *process) locate(ctx context.Context, name string, presented secret.Text) ([][]byte, error) {
	call, end, err := p.call(ctx, name, "")
	if err != nil {
		return nil, err
	}
	defer end()
	answer, err := authnv1.NewProgramAuthenticatorServiceClient(p.conn).Locate(ctx, &authnv1.LocateRequest{
		Call: call, Presented: &authnv1.Presented{Secret: presented.Reveal()},
	})
	if err != nil {
		return nil, withoutSecrets(p.failure(ctx, err), presented.Reveal())
	}
	if digests := answer.GetDigests(); len(digests) > digestLimit || !digestLengths(digests...) {
		return nil, p.lied("Locate", errors.New("its digests are too many, or not as long as digests are"))
	}
	return answer.GetDigests(), nil
}
