package deq

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// SolveSpace is the memory in which fixed points are found. The zero value is
// ready; used again for the same sizes and solver it does not allocate. It is for
// one goroutine at a time.
type SolveSpace[T flow.Float] struct {
	n, batch int
	f        Map[T]
	o        SolveOptions[T]
	method   method
	hint     float64 // contraction factor that the layer can prove, NaN for none
	recent   [autoWindow]float64

	// The active samples, compact: iterates, images, residuals.
	z, p, g kernel.Matrix[T]
	rows    []int
	out     kernel.Matrix[T] // the caller's: best point of every sample
	stats   SolveStats

	anderson andersonState[T]
	broyden  broydenState[T]
	newton   newtonState[T]
	split    splitState[T]
	step     flow.Step[T]
	seen     []T // the batch of iterates as stop rules see it
}

// method is the solver at work.
type method int

const (
	byPicard method = iota
	byRelaxed
	byAnderson
	byBroyden
	byNewton
	byKrylov
	byForwardBackward
	byPeacemanRachford
)

var methodNames = [...]string{"picard", "relaxed", "anderson", "broyden", "newton", "newton-krylov", "forward-backward", "peaceman-rachford"}

const (
	divergence = 1e8 // growth of the residual that counts as divergence
	stallEvals = 100 // evaluations without progress after which a solver has stalled
)

// FixedPoint is the function FixedPoint with memory of its own.
func (ws *SolveSpace[T]) FixedPoint(ctx context.Context, z kernel.Matrix[T], f Map[T], o *SolveOptions[T]) (*SolveStats, error) {
	ws.hint = math.NaN()
	return ws.solve(ctx, z, f, o)
}

// solve is FixedPoint after the hint was set.
func (ws *SolveSpace[T]) solve(ctx context.Context, z kernel.Matrix[T], f Map[T], o *SolveOptions[T]) (*SolveStats, error) {
	if err := ws.begin(z, f, o); err != nil {
		return nil, err
	}
	for len(ws.rows) > 0 {
		if err := ctx.Err(); err != nil {
			ws.freezeAll(flow.Cancelled)
			return ws.finish(), fmt.Errorf("deq: fixed-point solve cancelled after %d evaluations: %w", ws.stats.Evals, err)
		}
		ws.eval()
		ws.judge()
		if st := ws.observe(); st != flow.Running {
			ws.freezeAll(st)
			break
		}
		if ws.stats.Evals >= ws.o.MaxEval {
			ws.freezeAll(flow.StepLimit)
			break
		}
		ws.compact()
		if len(ws.rows) > 0 {
			ws.advance()
		}
	}
	return ws.finish(), nil
}

// begin checks the arguments and makes every sample active.
func (ws *SolveSpace[T]) begin(z kernel.Matrix[T], f Map[T], o *SolveOptions[T]) error {
	opt, err := o.defaults()
	if err != nil {
		return err
	}
	if f == nil {
		return fmt.Errorf("deq: map is nil: %w", ErrArgument)
	}
	n := f.Dim()
	if z.Cols != n || z.Rows > 0 && len(z.Data) < (z.Rows-1)*z.Stride+z.Cols {
		panic(fmt.Sprintf("deq: z is %d x %d, want rows of Dim() = %d", z.Rows, z.Cols, n))
	}
	for i := range z.Rows {
		if err := checkFinite(z.Row(i), "z", i*n); err != nil {
			return err
		}
	}
	ws.n, ws.batch, ws.f, ws.o, ws.out = n, z.Rows, f, opt, z
	ws.z.Data, ws.p.Data, ws.g.Data = room(ws.z.Data, z.Rows*n), room(ws.p.Data, z.Rows*n), room(ws.g.Data, z.Rows*n)
	ws.rows = room(ws.rows, z.Rows)
	ws.stats = SolveStats{Samples: room(ws.stats.Samples, z.Rows), Status: flow.Converged}
	for i := range ws.rows {
		ws.rows[i] = i
		ws.stats.Samples[i] = SampleStats{Residual: math.Inf(1), start: math.NaN(), mark: math.Inf(1)}
	}
	ws.shape(z.Rows)
	for i := range z.Rows {
		copy(ws.z.Row(i), z.Row(i))
	}
	return ws.choose()
}

// room is a slice of length n, with old memory if that is enough.
func room[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}

// checkFinite returns an error with the first element of x that is not finite.
func checkFinite[T flow.Float](x []T, name string, offset int) error {
	if kernel.AllFinite(x) {
		return nil
	}
	for i, v := range x {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("deq: %s[%d] = %v, want finite numbers: %w", name, offset+i, f, ErrNotFinite)
		}
	}
	return nil
}

// shape makes the compact matrices hold that many rows.
func (ws *SolveSpace[T]) shape(rows int) {
	for _, m := range []*kernel.Matrix[T]{&ws.z, &ws.p, &ws.g} {
		*m = kernel.Matrix[T]{Rows: rows, Cols: ws.n, Stride: ws.n, Data: m.Data[:rows*ws.n]}
	}
	ws.rows = ws.rows[:rows]
}

// choose prepares the solver that the options name.
func (ws *SolveSpace[T]) choose() error {
	switch s := ws.o.Solver.(type) {
	case Auto:
		ws.chooseAuto()
	case Picard:
		ws.method = byPicard
	case Relaxed:
		ws.method = byRelaxed
	case Anderson:
		ws.method = byAnderson
		ws.anderson.begin(s, ws.batch, ws.n)
	case Broyden:
		ws.method = byBroyden
		ws.broyden.begin(s, ws.batch, ws.n)
	case Newton:
		ws.method = byNewton
		ws.newton.begin(ws.f, ws.batch, ws.n)
	case NewtonKrylov:
		ws.method = byKrylov
		ws.newton.begin(ws.f, ws.batch, ws.n)
		ws.newton.gmres.begin(s, ws.batch, ws.n)
	case ForwardBackward:
		ws.method = byForwardBackward
		return ws.split.begin(ws.f, s.Alpha, false, ws)
	case PeacemanRachford:
		ws.method = byPeacemanRachford
		return ws.split.begin(ws.f, s.Alpha, true, ws)
	default:
		return fmt.Errorf("deq: solver is a %T, want one of this package: %w", s, ErrArgument)
	}
	return nil
}

// eval stores f(z) of the active samples in p, and g = f(z) - z in g.
func (ws *SolveSpace[T]) eval() {
	switch {
	case ws.method == byForwardBackward || ws.method == byPeacemanRachford:
		ws.split.eval(ws)
	default:
		ws.f.Eval(ws.p.Data, ws.z.Data, ws.rows)
	}
	kernel.SubTo(ws.g.Data, ws.p.Data, ws.z.Data)
	ws.stats.Evals++
	ws.stats.SampleEvals += len(ws.rows)
}

// judge measures the residuals of the active samples, keeps the best iterates and
// freezes who has ended.
func (ws *SolveSpace[T]) judge() {
	for i, r := range ws.rows {
		s := &ws.stats.Samples[r]
		res, image := kernel.Nrm2(ws.g.Row(i)), kernel.Nrm2(ws.p.Row(i))
		s.last = res
		if ws.stats.Evals == 1 {
			s.start = res
		}
		if res < s.Residual || ws.stats.Evals == 1 {
			s.Residual, s.Image, s.improved = res, image, ws.stats.Evals
			ws.keep(i, r)
		}
		if !(s.Residual > s.mark/2) {
			s.mark, s.since = s.Residual, ws.stats.Evals
		}
		switch {
		case res <= ws.o.AbsTol+ws.o.RelTol*image:
			s.Residual, s.Image = res, image
			ws.keep(i, r)
			ws.freeze(r, flow.Converged)
		case ws.guarded() && ws.stats.Evals > 1: // the line search sees to it
			if ws.newton.exhausted(r, res) {
				ws.freeze(r, flow.Stationary)
			}
		case !(res <= divergence*s.start):
			ws.freeze(r, flow.Diverged)
		case ws.stats.Evals-s.improved > stallEvals:
			ws.freeze(r, flow.Stationary)
		}
	}
}

// guarded says that the solver judges its steps itself.
func (ws *SolveSpace[T]) guarded() bool { return ws.method == byNewton || ws.method == byKrylov }

// keep stores the point of active row i as the best of sample r.
func (ws *SolveSpace[T]) keep(i, r int) {
	if ws.o.ReturnImage {
		copy(ws.out.Row(r), ws.p.Row(i))
		return
	}
	copy(ws.out.Row(r), ws.z.Row(i))
}

func (ws *SolveSpace[T]) freeze(r int, st flow.Status) {
	ws.stats.Samples[r].Status = st
	ws.stats.Samples[r].Evals = ws.stats.Evals
}

// freezeAll ends every sample that is still running.
func (ws *SolveSpace[T]) freezeAll(st flow.Status) {
	for _, r := range ws.rows {
		if ws.stats.Samples[r].Status == flow.Running {
			ws.freeze(r, st)
		}
	}
}

// compact drops the frozen samples.
func (ws *SolveSpace[T]) compact() {
	k := 0
	for i, r := range ws.rows {
		if ws.stats.Samples[r].Status != flow.Running {
			continue
		}
		if k < i {
			copy(ws.z.Row(k), ws.z.Row(i))
			copy(ws.p.Row(k), ws.p.Row(i))
			copy(ws.g.Row(k), ws.g.Row(i))
			if ws.method == byForwardBackward {
				copy(ws.split.h[k*ws.n:(k+1)*ws.n], ws.split.h[i*ws.n:(i+1)*ws.n])
			}
			ws.rows[k] = r
		}
		k++
	}
	ws.shape(k)
}

// advance replaces the iterates of the active samples by the next ones.
func (ws *SolveSpace[T]) advance() {
	if _, auto := ws.o.Solver.(Auto); auto {
		ws.reconsider()
	}
	switch ws.method {
	case byPicard:
		ws.z, ws.p = ws.p, ws.z
	case byRelaxed:
		kernel.Axpy(T(ws.o.Solver.(Relaxed).beta()), ws.g.Data, ws.z.Data)
	case byAnderson:
		ws.anderson.step(ws)
	case byBroyden:
		ws.broyden.step(ws)
	case byNewton, byKrylov:
		ws.newton.step(ws)
	default:
		ws.split.step(ws)
	}
}

// observe asks the stop rules.
func (ws *SolveSpace[T]) observe() flow.Status {
	if len(ws.o.Stop) == 0 {
		return flow.Running
	}
	ws.seen = room(ws.seen, ws.batch*ws.n)
	worst := 0.0
	for r := range ws.batch {
		s := &ws.stats.Samples[r]
		if s.Status != flow.Running {
			copy(ws.seen[r*ws.n:(r+1)*ws.n], ws.out.Row(r))
		}
		worst = math.Max(worst, s.last/(ws.o.AbsTol+ws.o.RelTol*s.Image))
	}
	for i, r := range ws.rows {
		copy(ws.seen[r*ws.n:(r+1)*ws.n], ws.z.Row(i))
	}
	ws.step = flow.Step[T]{K: ws.stats.Evals, T: float64(ws.stats.Evals), H: 1, Err: worst, X: ws.seen, Energy: math.NaN(), Slope: math.NaN(), Stats: flow.Stats{Evals: ws.stats.Evals}}
	for _, stop := range ws.o.Stop {
		if st := stop(&ws.step); st != flow.Running {
			return st
		}
	}
	return flow.Running
}

// severity orders statuses from good to bad.
func severity(st flow.Status) int {
	switch st {
	case flow.Converged:
		return 0
	case flow.StepLimit:
		return 2
	case flow.Stationary:
		return 3
	case flow.Diverged:
		return 4
	case flow.Cancelled:
		return 5
	}
	return 1 // a stop rule's own
}

// finish sums up.
func (ws *SolveSpace[T]) finish() *SolveStats {
	st := &ws.stats
	for i := range st.Samples {
		s := &st.Samples[i]
		if severity(s.Status) > severity(st.Status) {
			st.Status = s.Status
		}
		st.Residual = math.Max(st.Residual, s.Residual)
		if s.Residual > 0 {
			st.Relative = math.Max(st.Relative, s.Residual/s.Image)
		}
	}
	st.Solver = methodNames[ws.method]
	st.CertifiedError = math.Inf(1)
	return st
}
