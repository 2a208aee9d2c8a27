package apikey

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/gatehouse-id/gatehouse/sdk/secret"
)

// foreignVersion begins a verifier that was imported. The hash follows, as text
// in the notation of parseForeign. It is kept until the secret's first use.
const foreignVersion = 2

// The schemes of other systems.
const (
	schemeSHA256 = "sha256"
	schemeHMAC   = "hmac-sha256"
	schemeBcrypt = "bcrypt"
	schemeArgon2 = "argon2id"
)

// The limits of what is imported. A hash that costs more than this would take
// the memory or the time of others.
const (
	foreignLimit  = 512 // bytes of text
	saltLimit     = 64  // bytes
	bcryptMost    = 14  // cost
	bcryptSecret  = 72  // bytes: bcrypt does not look at more
	argon2Memory  = 64 << 10
	argon2Passes  = 10
	argon2Threads = 8
)

// foreign is the hash of a secret as another system made it.
type foreign struct {
	scheme string
	sum    []byte
	salt   []byte
	after  bool // the salt follows the secret
	text   string

	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// parseForeign reads a hash in one of these forms; sums are hexadecimal or
// base64:
//
//	sha256$SUM
//	sha256$prefix$SALT$SUM, sha256$suffix$SALT$SUM (the salt in base64)
//	hmac-sha256$SUM
//	$2a$, $2b$ or $2y$, as bcrypt writes it
//	$argon2id$v=19$m=KiB,t=PASSES,p=THREADS$SALT$SUM (PHC string format)
//
// An error contains nothing of the text.
func parseForeign(text string) (foreign, error) {
	if len(text) > foreignLimit {
		return foreign{}, fmt.Errorf("it is over %d bytes long", foreignLimit)
	}
	parts := strings.Split(text, "$")
	switch {
	case parts[0] == schemeSHA256 && len(parts) == 2:
		return fast(schemeSHA256, parts[1])
	case parts[0] == schemeHMAC && len(parts) == 2:
		return fast(schemeHMAC, parts[1])
	case parts[0] == schemeSHA256 && len(parts) == 4 && (parts[1] == "prefix" || parts[1] == "suffix"):
		salt, ok := decode64(parts[2])
		if !ok || len(salt) == 0 || len(salt) > saltLimit {
			return foreign{}, fmt.Errorf("its salt is not 1 to %d bytes in base64", saltLimit)
		}
		f, err := fast(schemeSHA256, parts[3])
		f.salt, f.after = salt, parts[1] == "suffix"
		return f, err
	case parts[0] == "" && len(parts) == 4:
		return parseBcrypt(text, parts)
	case parts[0] == "" && len(parts) == 6 && parts[1] == schemeArgon2:
		return parseArgon2(parts)
	}
	return foreign{}, errors.New("it is in no form that is known: sha256$…, hmac-sha256$…, $2b$… (bcrypt) or $argon2id$…")
}

func fast(scheme, text string) (foreign, error) {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != sha256.Size {
		var ok bool
		if sum, ok = decode64(text); !ok || len(sum) != sha256.Size {
			return foreign{}, fmt.Errorf("its sum is not %d bytes in hexadecimal or base64", sha256.Size)
		}
	}
	return foreign{scheme: scheme, sum: sum}, nil
}

// decode64 reads base64 of either alphabet, padded or not.
func decode64(text string) ([]byte, bool) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	raw, err := base64.RawStdEncoding.Strict().DecodeString(text)
	return raw, err == nil && !strings.ContainsAny(text, "\r\n")
}

func parseBcrypt(text string, parts []string) (foreign, error) {
	if v := parts[1]; v != "2a" && v != "2b" && v != "2y" {
		return foreign{}, errors.New("it is in no form that is known: of bcrypt, $2a$, $2b$ and $2y$ are")
	}
	cost, err := strconv.ParseUint(parts[2], 10, 8)
	switch {
	case err != nil || len(parts[2]) != 2 || len(text) != 60:
		return foreign{}, errors.New("it is no whole bcrypt hash, which has 60 characters")
	case cost < uint64(bcrypt.MinCost) || cost > bcryptMost:
		return foreign{}, fmt.Errorf("its bcrypt cost is not between %d and %d", bcrypt.MinCost, bcryptMost)
	case strings.Trim(parts[3], "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "":
		return foreign{}, errors.New("it has characters that no bcrypt hash has")
	}
	return foreign{scheme: schemeBcrypt, text: text}, nil
}

func parseArgon2(parts []string) (foreign, error) {
	if parts[2] != "v=19" {
		return foreign{}, errors.New("its version of Argon2 is not 19, which RFC 9106 describes")
	}
	var values [3]uint64
	parameters := strings.Split(parts[3], ",")
	if len(parameters) != len(values) {
		return foreign{}, errors.New("its parameters are not m, t and p")
	}
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(parameters[i], name)
		value, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil || strconv.FormatUint(value, 10) != digits {
			return foreign{}, errors.New("its parameters are not m, t and p, each a number")
		}
		values[i] = value
	}
	salt, okSalt := decode64(parts[4])
	sum, okSum := decode64(parts[5])
	switch {
	case values[0] > argon2Memory:
		return foreign{}, fmt.Errorf("it takes more memory than %d MiB", argon2Memory>>10)
	case values[1] < 1 || values[1] > argon2Passes:
		return foreign{}, fmt.Errorf("it has not 1 to %d passes", argon2Passes)
	case values[2] < 1 || values[2] > argon2Threads || values[0] < 8*values[2]:
		return foreign{}, fmt.Errorf("it has not 1 to %d lanes with 8 KiB of memory or more for each", argon2Threads)
	case !okSalt || len(salt) < 8 || len(salt) > saltLimit:
		return foreign{}, fmt.Errorf("its salt is not 8 to %d bytes in base64", saltLimit)
	case !okSum || len(sum) < 16 || len(sum) > 64:
		return foreign{}, errors.New("its sum is not 16 to 64 bytes in base64")
	}
	return foreign{
		scheme: schemeArgon2, salt: salt, sum: sum,
		memory: uint32(values[0]), passes: uint32(values[1]), threads: uint8(values[2]),
	}, nil
}

// String is the hash in one form, however it was written.
func (f foreign) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	switch {
	case f.scheme == schemeBcrypt:
		return f.text
	case f.scheme == schemeArgon2:
		return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", f.memory, f.passes, f.threads, encode(f.salt), encode(f.sum))
	case f.salt == nil:
		return f.scheme + "$" + encode(f.sum)
	case f.after:
		return f.scheme + "$suffix$" + encode(f.salt) + "$" + encode(f.sum)
	}
	return f.scheme + "$prefix$" + encode(f.salt) + "$" + encode(f.sum)
}

func (f foreign) slow() bool { return f.scheme == schemeBcrypt || f.scheme == schemeArgon2 }

// fits reports whether this is the secret. The key is that of HMACs.
func (f foreign) fits(presented secret.Text, key []byte) bool {
	text := []byte(presented.Reveal())
	switch f.scheme {
	case schemeHMAC:
		mac := hmac.New(sha256.New, key)
		mac.Write(text)
		return len(key) > 0 && hmac.Equal(mac.Sum(nil), f.sum)
	case schemeBcrypt:
		return len(text) <= bcryptSecret && bcrypt.CompareHashAndPassword([]byte(f.text), text) == nil
	case schemeArgon2:
		sum := argon2.IDKey(text, f.salt, f.passes, f.memory, f.threads, uint32(len(f.sum)))
		return subtle.ConstantTimeCompare(sum, f.sum) == 1
	}
	input := bytes.Join([][]byte{f.salt, text}, nil)
	if f.after {
		input = bytes.Join([][]byte{text, f.salt}, nil)
	}
	sum := sha256.Sum256(input)
	return subtle.ConstantTimeCompare(sum[:], f.sum) == 1
}

func isForeign(verifier []byte) bool { return len(verifier) > 0 && verifier[0] == foreignVersion }

// stored reads a verifier that was imported.
func stored(verifier []byte) (foreign, bool) {
	if !isForeign(verifier) {
		return foreign{}, false
	}
	f, err := parseForeign(string(verifier[1:]))
	return f, err == nil
}
