//go:build !linux

package timing

import "time"

var begin = time.Now()

// CPU is the time since the start, where there is no clock of the CPU time.
func CPU() time.Duration { return time.Since(begin) }
