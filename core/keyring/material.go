package keyring

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
)

// size is the length of every key here, in bytes.
const size = 32

const redacted = "[redacted]"

// Material is 32 bytes that must not be seen: formatting, logging and encoding
// it give "[redacted]". It holds a function, because fmt calls no Format in an
// unexported field and would print an array there, even one behind a pointer.
type Material struct{ reveal func() []byte }

func newMaterial(b []byte) (Material, error) {
	if len(b) != size {
		return Material{}, fmt.Errorf("a key has %d bytes, want %d", len(b), size)
	}
	b = bytes.Clone(b)
	return Material{func() []byte { return b }}, nil
}

func randomMaterial(random io.Reader) (Material, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(random, b); err != nil {
		return Material{}, fmt.Errorf("reading randomness: %w", err)
	}
	return newMaterial(b)
}

// Reveal returns the bytes, which the caller does not change or keep. The zero
// Material has none.
func (m Material) Reveal() []byte {
	if m.reveal == nil {
		return nil
	}
	return m.reveal()
}

// String implements fmt.Stringer.
func (Material) String() string { return redacted }

// Format implements fmt.Formatter, so that no verb shows the bytes.
func (Material) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Material) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText keeps the bytes out of JSON and every other encoding.
func (Material) MarshalText() ([]byte, error) { return []byte(redacted), nil }
