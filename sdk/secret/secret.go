// Package secret is the form of every secret that Gatehouse hands out, and a
// type that keeps one from being printed.
//
//	<prefix>_<id>_<43 base62 characters: 256 random bits><6 characters: CRC-32>
//
// The prefix lets scanners and people recognise it, the id finds its record
// without a search, and the checksum rejects typing errors before anything is
// looked up. A double click selects it whole: there is no other punctuation.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/big"
	"strings"
)

const (
	digits     = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" // as big.Int.Text counts
	randomSize = 32                                                               // bytes: 256 bits
	randomLen  = 43                                                               // base62 digits of 256 bits
	crcLen     = 6                                                                // base62 digits of 32 bits
	idLimit    = 64                                                               // characters

	// Limit is the longest text that Parse looks at, in bytes.
	Limit = 160
)

// ErrFormat is what Parse says of a text that is no secret of ours, was
// mistyped or was cut short. It never contains the text.
var ErrFormat = errors.New("not a complete secret: its parts or its checksum do not fit")

// Text is a secret that does not show itself: formatting, logging and encoding
// it give "[redacted]". Reveal is the only way to the characters.
type Text string

const redacted = "[redacted]"

// Reveal returns the characters.
func (t Text) Reveal() string { return string(t) }

// String implements fmt.Stringer.
func (Text) String() string { return redacted }

// Format implements fmt.Formatter, so that no verb shows the text.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText keeps the text out of JSON and every other encoding.
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Equal compares in constant time for texts of one length.
func (t Text) Equal(other Text) bool {
	return subtle.ConstantTimeCompare([]byte(t), []byte(other)) == 1
}

// New makes a secret from 256 bits of random (crypto/rand.Reader outside of
// tests). The prefix is lower case letters and digits, the id letters and
// digits.
func New(random io.Reader, prefix, id string) (Text, error) {
	if !ValidPrefix(prefix) || !validID(id) {
		return "", fmt.Errorf("prefix %q or id %q has characters that a secret cannot have", prefix, id)
	}
	var raw [randomSize]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("reading randomness: %w", err)
	}
	body := prefix + "_" + id + "_" + encode(raw[:], randomLen)
	return Text(body + checksum(body)), nil
}

// NewID makes an id of n base62 characters (22 hold 128 bits) that begins with
// lead.
func NewID(random io.Reader, lead string, n int) (string, error) {
	raw := make([]byte, n) // 8 bits for each digit of 5.95: what is cut off leaves no bias
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("reading randomness: %w", err)
	}
	text := encode(raw, n*2)
	return lead + text[len(text)-n:], nil
}

// Parse takes a secret apart. It says nothing about whether the secret is
// valid, only that it was typed as it was issued.
func Parse(text Text) (prefix, id string, err error) {
	s := string(text)
	if len(s) > Limit {
		return "", "", ErrFormat
	}
	prefix, rest, ok := strings.Cut(s, "_")
	id, random, ok2 := strings.Cut(rest, "_")
	if !ok || !ok2 || !ValidPrefix(prefix) || !validID(id) || len(random) != randomLen+crcLen || !allDigits(random) {
		return "", "", ErrFormat
	}
	if body := s[:len(s)-crcLen]; s[len(body):] != checksum(body) {
		return "", "", ErrFormat
	}
	return prefix, id, nil
}

// ValidPrefix reports whether p can begin a secret: 2 to 16 lower case letters
// and digits, a letter first.
func ValidPrefix(p string) bool {
	if len(p) < 2 || len(p) > 16 || p[0] < 'a' || p[0] > 'z' {
		return false
	}
	return strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

func validID(id string) bool { return id != "" && len(id) <= idLimit && allDigits(id) }

func allDigits(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// checksum counts by itself, without big numbers: every request pays for it.
func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	var out [crcLen]byte
	for i := range out {
		out[crcLen-1-i] = digits[sum%uint32(len(digits))]
		sum /= uint32(len(digits))
	}
	return string(out[:])
}

// encode writes raw as a number in base 62, with leading zeros up to n digits.
func encode(raw []byte, n int) string {
	text := new(big.Int).SetBytes(raw).Text(len(digits))
	if len(text) < n {
		text = strings.Repeat("0", n-len(text)) + text
	}
	return text
}
