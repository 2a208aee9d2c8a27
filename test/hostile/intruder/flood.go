//go:build linux

package main

import (
	"bytes"
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// floodMark in an answer makes it one of a gibibyte.
const floodMark = "flood-me"

// garbageMark in an answer makes it one that is no message at all.
const garbageMark = "garble-me"

// flooding is gRPC's codec, which sends a gibibyte without having it: the same
// mebibyte, again and again.
type flooding struct{ encoding.CodecV2 }

// Marshal encodes a message.
func (f flooding) Marshal(v any) (mem.BufferSlice, error) {
	all, err := f.CodecV2.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	if bytes.Contains(all.Materialize(), []byte(garbageMark)) {
		return mem.BufferSlice{mem.SliceBuffer(bytes.Repeat([]byte{0xff}, 64))}, nil
	}
	if !bytes.Contains(all.Materialize(), []byte(floodMark)) {
		return all, nil
	}
	one := mem.SliceBuffer(make([]byte, 1<<20))
	for range 1 << 10 {
		all = append(all, one)
	}
	return all, nil
}
