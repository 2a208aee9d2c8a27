package pluginhost

import (
	"time"

	"github.com/gatehouse-id/gatehouse/core/pluginhost/confine"
)

// Hasten shortens what a test would wait for.
func (h *Host) Hasten(health, start time.Duration) {
	h.pace.health, h.pace.healthDeadline, h.startLimit = health, health, start
}

// Patience is how long callers wait for a restart.
func (h *Host) Patience(d time.Duration) { h.pace.wait = d }

// ConfigureWithin bounds a configuration.
func (h *Host) ConfigureWithin(d time.Duration) { h.pace.configure, h.pace.restore = d, d }

// WithoutDeathSignal leaves only the pipe to tell a plugin that its host is gone.
func (h *Host) WithoutDeathSignal() { h.deathSignal = false }

// AfterPin is called between the check of a binary and its start.
func (h *Host) AfterPin(f func()) { h.afterPin = f }

// Pretend makes the kernel offer no more than this.
func (h *Host) Pretend(s confine.Support) { h.support = s }

// LetWrite lets plugins leave something in a folder that is not their own, and
// small files.
func (h *Host) LetWrite(folder string) {
	h.writable, h.fileSize = append(h.writable, folder), 1<<20
}

// Described, Answered, Identified and Forwarded check what a plugin says.
var (
	Described  = describedV1
	Answered   = answerV1
	Identified = identityV1
	Forwarded  = begunV1
)
