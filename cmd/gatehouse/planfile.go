package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gatehouse-id/gatehouse/sdk/admin"
	"github.com/gatehouse-id/gatehouse/sdk/problem"
)

// planFile is a plan that was kept for an apply. It has numbers in it, and names of
// roles and addresses, but not of people.
type planFile struct {
	Version   int        `json:"version"` // of this form
	Gatehouse string     `json:"gatehouse"`
	Plan      admin.Plan `json:"plan"`
}

const (
	planVersion = 1
	planLimit   = 16 << 20 // bytes
)

func writePlan(path string, made admin.Plan) error {
	text, err := json.MarshalIndent(planFile{planVersion, version, made}, "", "  ")
	if err != nil {
		return err
	}
	// Whole or not at all: half a plan is none.
	f, err := os.CreateTemp(filepath.Dir(path), ".plan-")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the plan: %w", err), os.Remove(f.Name()))
	}
	return nil
}

func readPlan(path string) (made admin.Plan, err error) {
	f, err := os.Open(path)
	if err != nil {
		return made, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, planLimit+1))
	if err != nil {
		return made, err
	}
	var kept planFile
	if err := json.Unmarshal(text, &kept); err != nil || len(text) > planLimit || kept.Version != planVersion || kept.Plan.Digest == "" || kept.Plan.Files == "" {
		return made, problem.New(problem.Invalid, "%s is no plan of this version", path).WithHint("gatehouse plan --out FILE writes one")
	}
	return kept.Plan, nil
}
