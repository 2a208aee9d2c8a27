package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

const (
	version  = 1
	saltSize = 16
)

// canonical is the line that a record is proved by: JSON with these members in
// this order and no white space, so that a program in any language can make it
// again. The salt keeps a payload that could be guessed from being confirmed
// after it was erased.
func canonical(id string, atMicro int64, action Action, payloadHash [sha256.Size]byte) []byte {
	line, _ := json.Marshal(struct { // strings and integers always encode
		Version int    `json:"v"`
		ID      string `json:"id"`
		At      int64  `json:"at"`
		Action  Action `json:"action"`
		Payload string `json:"payload"`
	}{version, id, atMicro, action, hex.EncodeToString(payloadHash[:])})
	return line
}

func payloadHash(salt, payload []byte) [sha256.Size]byte {
	return sha256.Sum256(append(append(make([]byte, 0, len(salt)+len(payload)), salt...), payload...))
}

// leafHash is the leaf of a Merkle tree (RFC 6962 section 2.1): the zero byte
// keeps a leaf from being passed off as an inner node.
func leafHash(canonical []byte) []byte {
	sum := sha256.Sum256(append([]byte{0}, canonical...))
	return sum[:]
}

func unhex(hash *[sha256.Size]byte, text string) error {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(hash) {
		return fmt.Errorf("%q is not a SHA-256 hash", text)
	}
	copy(hash[:], raw)
	return nil
}
