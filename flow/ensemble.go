package flow

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Ensemble calls run for the members 0 ... n-1, up to workers at a time
// (GOMAXPROCS if workers is zero), and waits for them. A member writes its result
// to a place of its own and draws its random numbers from a stream of its own,
// so that results do not depend on the number of workers; models and integrators
// hold scratch memory, so run makes one for each member, or one for each worker
// by a pool.
//
// The first error cancels the context of the others and is returned with the
// number of its member; of several, the one of the lowest member. A panic of run
// becomes such an error, with its stack. If ctx is cancelled, members that have
// not begun are left out and the error wraps that of ctx.
func Ensemble(ctx context.Context, n, workers int, run func(ctx context.Context, member int) error) error {
	if n < 0 || workers < 0 || run == nil {
		return fmt.Errorf("flow: Ensemble of n = %d members on %d workers (nil function: %t), want numbers >= 0 and a function: %w", n, workers, run == nil, ErrArgument)
	}
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	e := ensemble{failed: n, run: run, cancel: cancel}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for inner.Err() == nil {
				member := int(next.Add(1)) - 1
				if member >= n {
					return
				}
				e.member(inner, member)
			}
		}()
	}
	wg.Wait()
	if e.err != nil {
		return fmt.Errorf("flow: ensemble member %d: %w", e.failed, e.err)
	}
	if err := ctx.Err(); err != nil && int(next.Load()) < n {
		return fmt.Errorf("flow: ensemble cancelled after %d of %d members: %w", next.Load(), n, err)
	}
	return nil
}

// ensemble is what the workers of an Ensemble share.
type ensemble struct {
	run    func(ctx context.Context, member int) error
	cancel context.CancelFunc

	mu     sync.Mutex
	failed int // lowest member that failed
	err    error
}

// member runs one member and keeps its error.
func (e *ensemble) member(ctx context.Context, member int) {
	err := protect(ctx, member, e.run)
	if err == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	// A member that was only told to stop does not hide the failure behind it.
	hides := e.err != nil && !errors.Is(e.err, context.Canceled) && errors.Is(err, context.Canceled)
	if !hides && (member < e.failed || errors.Is(e.err, context.Canceled)) {
		e.failed, e.err = member, err
	}
	e.cancel()
}

// protect turns a panic of run into an error.
func protect(ctx context.Context, member int, run func(ctx context.Context, member int) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return run(ctx, member)
}
