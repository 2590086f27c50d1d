package flow

// Caps is what a model can do beyond its one method. A model that can do any of
// it has a method
//
//	Caps() flow.Caps[T]
//
// and fills the fields it truly has; a nil field means "not available".
// Wrappers such as GradientFlow translate the capabilities of what they wrap,
// so that nothing is hidden by wrapping. All slices have the length of the
// state unless said otherwise.
type Caps[T Float] struct {
	// Autonomous says that f does not depend on t.
	Autonomous bool
	// Descends says that f = -∇E exactly: the field is a plain gradient flow.
	Descends bool
	// Jacobian stores J = ∂f/∂x(t, x), row-major n x n, in dst.
	Jacobian func(dst, x []T, t float64)
	// Band is the shape of J (or of the Hessian of an energy), if it is a band.
	Band *Band
	// JacVec stores J(t, x)·v in dst.
	JacVec func(dst, x, v []T, t float64)
	// TimeDeriv stores ∂f/∂t(t, x) in dst.
	TimeDeriv func(dst, x []T, t float64)
	// HessVec stores ∇²E(x)·v in dst; of models with an energy.
	HessVec func(dst, x, v []T)
	// Shift prepares (factors) the matrix I - s J(t, x) for SolveShift.
	Shift func(x []T, t, s float64) error
	// SolveShift stores the solution of (I - s J) y = b in dst, with the s, x
	// and t of the last Shift. dst and b may be the same slice.
	SolveShift func(dst, b []T) error
	// Radius returns a bound on the spectral radius of J(t, x).
	Radius func(x []T, t float64) float64
	// Draw fixes the mini-batch, a function of the step index and of the
	// model's seed alone: a retried or resumed step sees the same batch.
	Draw func(step uint64)
	// Err returns the failure of the last evaluation, nil if there was none.
	Err func() error
	// EvalBlock stores block b of f(t, x) in dst, which has the length of that
	// block; Blocks holds the lengths, whose sum is the dimension.
	EvalBlock func(dst, x []T, t float64, b int)
	Blocks    []int
	// Separable says that there are two blocks, x = (q, p), and that each
	// derivative depends on the other block alone: q' = v(p), p' = F(q), as in a
	// Hamiltonian system with H = T(p) + U(q).
	Separable bool
	// Project moves x, in place, to the nearest point that satisfies the
	// model's constraints.
	Project func(x []T) error
	// Invariants are the quantities that the exact flow conserves.
	Invariants []Invariant[T]
}

// Invariant is a named function of the state that the exact flow conserves.
type Invariant[T Float] struct {
	Name  string
	Value func(x []T) float64
}

// CapsOf returns the capabilities of a model, the zero Caps if it states none.
func CapsOf[T Float](model any) Caps[T] {
	if c, ok := model.(interface{ Caps() Caps[T] }); ok {
		return c.Caps()
	}
	return Caps[T]{}
}
