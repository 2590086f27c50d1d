package catapult

import (
	"fmt"

	"github.com/gradflow/gradflow/flow/kernel"
	"gonum.org/v1/gonum/mat"
)

// NextResidual stores in dst (length m) the residual f̃ = f-y after one step of
// gradient descent with learning rate eta, by the formula
//
//	f̃'_α = f̃_α - η Σ_β Θ_αβ f̃_β + (η²/nm)(x_α·ζ)(f·f̃)
//
// of section 2 of arXiv 2003.02218, without making the step. Weight decay must be
// zero. It allocates.
func (l *LinearNet[T]) NextResidual(dst []float64, theta []T, eta float64) []float64 {
	s := l.laws(theta)
	if len(dst) != l.data.m {
		panic(fmt.Sprintf("catapult: len(dst) = %d, want %d samples", len(dst), l.data.m))
	}
	var step mat.VecDense
	step.MulVec(&s.theta, s.res)
	c := eta * eta / (s.n * s.m) * mat.Dot(s.f, s.res)
	for i := range dst {
		dst[i] = s.res.AtVec(i) - eta*step.AtVec(i) + c*s.xz.AtVec(i)
	}
	return dst
}

// NextNTK stores in dst the tangent kernel after one step of gradient descent with
// learning rate eta, by the formula
//
//	Θ' = Θ - (η/nm) [(2/m)(f·f̃) XXᵀ + (Xζ)fᵀ + f(Xζ)ᵀ]
//	       + (η²/n²m) [|v|² (Xζ)(Xζ)ᵀ + (ζᵀUᵀUζ) XXᵀ]
//
// without making the step: the paper has it for f̃ along the top eigenvector of
// Θ, the full form is ours. Weight decay must be zero. It allocates.
func (l *LinearNet[T]) NextNTK(dst *mat.SymDense, theta []T, eta float64) {
	s := l.laws(theta)
	dst.Reset()
	dst.ReuseAsSym(l.data.m)
	dst.CopySym(&s.theta)
	en := eta / (s.n * s.m)
	dst.RankTwo(dst, -en, s.xz, s.f)
	dst.SymRankOne(dst, en*eta/s.n*s.v2, s.xz)
	var xxt mat.SymDense
	xxt.SymOuterK(-2*en/s.m*mat.Dot(s.f, s.res)+en*eta/s.n*s.uz2, s.x)
	dst.AddSym(dst, &xxt)
}

// linearLaws are the quantities in the update formulas, in float64.
type linearLaws struct {
	n, m       float64
	x          *mat.Dense
	f, res, xz *mat.VecDense // f, f̃, Xζ
	theta      mat.SymDense
	v2, uz2    float64 // |v|², |Uζ|²
	zeta       []float64
}

func (l *LinearNet[T]) laws(theta []T) *linearLaws {
	if l.decay != 0 {
		panic(fmt.Sprintf("catapult: update formulas at weight decay %v, want 0", l.decay))
	}
	u, v := l.effective(theta)
	m, d := l.data.m, l.data.d
	s := &linearLaws{n: float64(l.n), m: float64(m), x: mat.NewDense(m, d, nil), zeta: make([]float64, d)}
	l.NTK(&s.theta, theta)
	q := mat.NewVecDense(d, nil)
	for j, qj := range l.q {
		q.SetVec(j, float64(qj))
	}
	for i := range m {
		for j, x := range l.data.x.Row(i) {
			s.x.Set(i, j, float64(x))
		}
	}
	s.f, s.res, s.xz = mat.NewVecDense(m, nil), mat.NewVecDense(m, nil), mat.NewVecDense(m, nil)
	s.f.MulVec(s.x, q)
	for i := range m {
		s.res.SetVec(i, s.f.AtVec(i)-float64(l.data.y[i]))
	}
	zeta := mat.NewVecDense(d, s.zeta)
	zeta.MulVec(s.x.T(), s.res)
	zeta.ScaleVec(1/s.m, zeta)
	s.xz.MulVec(s.x, zeta)
	s.v2 = kernel.SumSq(v)
	for i := range l.n {
		uz := 0.0
		for j, uij := range u.Row(i) {
			uz += float64(uij) * s.zeta[j]
		}
		s.uz2 += uz * uz
	}
	return s
}

// Imbalance stores UUᵀ-vvᵀ (n x n), which the gradient flow conserves, in dst,
// which is given that size if it is empty. It allocates.
func (l *LinearNet[T]) Imbalance(dst *mat.SymDense, theta []T) {
	u, v := l.Weights(theta)
	if dst.IsEmpty() {
		dst.ReuseAsSym(l.n)
	}
	if dst.SymmetricDim() != l.n {
		panic(fmt.Sprintf("catapult: dst is %d x %d, want %d x %d", dst.SymmetricDim(), dst.SymmetricDim(), l.n, l.n))
	}
	uut := kernel.NewMatrix[T](l.n, l.n)
	kernel.Syrk(uut, 1, u, 0)
	for i := range l.n {
		for j := i; j < l.n; j++ {
			dst.SetSym(i, j, float64(uut.At(i, j))-float64(v[i])*float64(v[j]))
		}
	}
}

// InvariantDrift returns what one step of gradient descent with learning rate eta
// does to the invariant tr M - a of the gradient flow,
//
//	(tr M - a)' - (tr M - a) = (η²/n)(a|ζ|² - ζᵀMζ)
//
// (ours): descent breaks the conservation at second order in η only. Weight decay
// must be zero. It allocates.
func (l *LinearNet[T]) InvariantDrift(theta []T, eta float64) float64 {
	s := l.laws(theta)
	return eta * eta / (s.n * s.n) * (s.v2*kernel.SumSq(s.zeta) - s.uz2)
}

// WeightNorm evaluates NormChange, the weight-norm identity of homogeneous nets of
// degree 2, for a step of gradient descent with learning rate eta. Errors wrap
// ErrArgument (eta, or weight decay), ErrShape or ErrNonFinite. It allocates.
func (l *LinearNet[T]) WeightNorm(theta []T, eta float64) (NormChange, error) {
	c := NormChange{Degree: 2}
	if err := checkEta(eta); err != nil {
		return c, err
	}
	if l.decay != 0 {
		return c, fmt.Errorf("catapult: weight-norm identity at weight decay %v, want 0: %w", l.decay, ErrArgument)
	}
	if len(theta) != l.Dim() {
		return c, fmt.Errorf("catapult: len(theta) = %d, want %d: %w", len(theta), l.Dim(), ErrShape)
	}
	if !kernel.AllFinite(theta) {
		return c, fmt.Errorf("catapult: theta holds a NaN or an infinity: %w", ErrNonFinite)
	}
	s := l.laws(theta)
	next := make([]T, len(theta))
	l.EnergyGrad(next, theta)
	kernel.Axpby(1, theta, -T(eta), next)
	after, before := kernel.SumSq(next), kernel.SumSq(theta)
	c.Change, c.Scale = after-before, after+before
	c.Linear = -4 * eta * mat.Dot(s.f, s.res) / s.m
	c.Quadratic = eta * eta * mat.Inner(s.res, &s.theta, s.res) / s.m
	c.Defect = c.Change - c.Linear - c.Quadratic
	return c, nil
}

// NormBound returns η (σ_max(X)²/m) |θ|²/n, which bounds ηλ from above. If it is
// below 4 at the start and all labels are zero, the weight norm falls at every
// step of gradient descent and Σ_t |f_t|² is finite: training converges (ours). It
// is sharp for d = 1 only; random starts have |θ|²/n ≈ 1+d.
func (l *LinearNet[T]) NormBound(theta []T, eta float64) float64 {
	root := mat.NewDense(l.data.root.Rows, l.data.root.Cols, l.data.root.Data)
	sigma := mat.Norm(root, 2)
	return eta * sigma * sigma * kernel.SumSq(theta) / float64(l.n)
}

// TopEigenvectorStep returns the paper's estimate of the curvature after a step
// whose residual lies along the top eigenvector of Θ,
//
//	λ' ≈ λ + (η|ζ|²/n)(ηλ-4)
//
// (section 2 of arXiv 2003.02218; in the warm-up model with label 0 it is exact).
func TopEigenvectorStep(lambda, zetaNorm, n, eta float64) float64 {
	return lambda + eta*zetaNorm*zetaNorm/n*(eta*lambda-4)
}
