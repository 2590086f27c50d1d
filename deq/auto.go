package deq

import "math"

// Auto chooses as it goes. Monotone layers get PeacemanRachford. All others begin
// with Picard, the cheapest step, and keep it if the layer has a proof that it
// contracts by 0.6 or better, or as long as the largest residual is seen to fall by
// that, on average over four evaluations; then Anderson goes on. A sample whose
// residual is not halved in 20 evaluations sends the batch to NewtonKrylov.
type Auto struct{}

// Name implements Solver.
func (Auto) Name() string { return "auto" }

func (Auto) check() error { return nil }

const (
	autoEvals    = 20  // evaluations in which the residual must be halved
	autoContract = 0.6 // contraction a step with which Picard will do
	autoWindow   = 4   // evaluations over which it is observed
)

// chooseAuto takes the first solver of Auto.
func (ws *SolveSpace[T]) chooseAuto() {
	ws.method = byPicard
	if _, ok := ws.f.(splitting[T]); ok {
		ws.method = byPeacemanRachford
		if ws.split.begin(ws.f, 0, true, ws) != nil {
			ws.method = byPicard
		}
	}
}

// reconsider changes the solver of Auto where it makes too little progress.
func (ws *SolveSpace[T]) reconsider() {
	if ws.method == byKrylov {
		return
	}
	worst, stuck := 0.0, false
	for _, r := range ws.rows {
		s := &ws.stats.Samples[r]
		worst = math.Max(worst, s.last)
		stuck = stuck || ws.stats.Evals-s.since >= autoEvals
	}
	k := ws.stats.Evals
	past := &ws.recent[k%autoWindow]
	slow := k > autoWindow && !(worst <= math.Pow(autoContract, autoWindow)**past)
	*past = worst
	switch {
	case stuck:
		ws.method = byKrylov
		ws.newton.begin(ws.f, ws.batch, ws.n)
		ws.newton.gmres.begin(NewtonKrylov{}, ws.batch, ws.n)
	case slow && ws.method == byPicard && !(ws.hint <= autoContract):
		ws.method = byAnderson
		ws.anderson.begin(Anderson{}, ws.batch, ws.n)
	}
}
