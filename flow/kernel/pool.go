package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Large calls are divided among GOMAXPROCS goroutines. How a call is divided
// never changes the order of the operations that make one element of the
// result, so the bits do not depend on the number of workers.

// Work below these sizes is not worth the microseconds that waking a worker
// takes.
const (
	parallelFlops = 1 << 22 // of matrix products
	parallelReads = 1 << 19 // elements of the matrix in a matrix-vector product
	parallelMap   = 1 << 16 // elements of a map
)

// job is work that can be done in parts.
type job interface {
	part(i, parts int)
}

// call is one part of a job for a worker.
type call struct {
	j        job
	i, parts int
	done     *latch
}

// do does the part. As many calls wait or run as workers are not idle, whoever
// does them.
func (c call) do() {
	c.j.part(c.i, c.parts)
	pool.idle.Add(1)
	c.done.done()
}

// latch waits for the workers of a call.
type latch struct {
	left atomic.Int32
	wg   sync.WaitGroup
}

func (l *latch) add() {
	l.left.Add(1)
	l.wg.Add(1)
}

func (l *latch) done() {
	l.left.Add(-1)
	l.wg.Done()
}

func (l *latch) wait() {
	for i := 0; i < spins && l.left.Load() > 0; i++ {
		runtime.Gosched()
	}
	l.wg.Wait()
}

// spins is how often who waits for the other side yields before it sleeps: some
// tens of microseconds. Waking a sleeper can take longer than that, and calls
// that are worth a worker often follow one another.
const spins = 256

// pool is the workers, which start when they are first needed and then wait.
var pool struct {
	mu      sync.Mutex
	workers int
	calls   chan call
	idle    atomic.Int64
}

const maxWorkers = 256

// run does all parts of j and returns when they are done. The caller does its
// share, and all of it if the workers are busy with other calls.
func run(j job, parts int, done *latch) {
	grow(parts - 1)
	for i := 1; i < parts; i++ {
		if pool.idle.Add(-1) < 0 {
			pool.idle.Add(1)
			j.part(i, parts)
			continue
		}
		done.add()
		pool.calls <- call{j, i, parts, done} // one place for each worker: never waits
	}
	j.part(0, parts)
	takeBack()
	done.wait()
}

// takeBack does calls that no worker has begun: those are still waking up.
func takeBack() {
	for {
		select {
		case c := <-pool.calls:
			c.do()
		default:
			return
		}
	}
}

// grow makes sure that there are n workers.
func grow(n int) {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if pool.calls == nil {
		pool.calls = make(chan call, maxWorkers)
	}
	for pool.workers < min(n, maxWorkers) {
		pool.workers++
		pool.idle.Add(1)
		go work(pool.calls)
	}
}

func work(calls chan call) {
	for {
		c := next(calls)
		c.do()
	}
}

func next(calls chan call) call {
	for range spins {
		select {
		case c := <-calls:
			return c
		default:
			runtime.Gosched()
		}
	}
	return <-calls
}

// partsOf is how many parts a call of so many units has, units that are too few
// to share staying together.
func partsOf(units, least int) int {
	return max(1, min(runtime.GOMAXPROCS(0), units/least))
}

// split returns the bounds of part i of n elements; they are multiples of align
// except for the last.
func split(n, align, i, parts int) (lo, hi int) {
	units := (n + align - 1) / align
	return min(n, units*i/parts*align), min(n, units*(i+1)/parts*align)
}
