package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// SingleIndexCertificate holds the numbers of the theory (ours) of the single-index
// model at one point θ, for a teacher ξ with the same activation, a backward rule
// and its factor f. The secant Hessian H is the matrix with gradient = H (θ-ξ),
// exactly; see SecantHessian.
type SingleIndexCertificate struct {
	// Risk is R(θ) for the targets of the teacher, Distance is |θ-ξ|.
	Risk, Distance float64
	// Guard is 1 - sup vσ', positive where the equilibrium is unique.
	Guard float64
	// Monotone says that σ is nondecreasing, PSD that the theory guarantees H to be
	// positive semidefinite: then the flow never moves away from the teacher. It needs
	// Monotone, uniqueness of both equilibria and f(vs) >= 0 for all samples.
	Monotone, PSD bool
	// SecantMin and SecantMax are the extreme eigenvalues of H.
	SecantMin, SecantMax float64
	// StepLimit is 2/SecantMax: up to it the next step of gradient descent does not
	// move away from the teacher, if H is positive semidefinite.
	StepLimit float64
	// SafeStep is a learning rate below StepLimit that is known without ξ_w, for the
	// exact rule and a nondecreasing σ; NaN for others.
	SafeStep float64
	// Residual is |H(θ-ξ) - gradient|, zero up to rounding.
	Residual float64
	// HessianMin and HessianMax are the extreme eigenvalues of the Hessian (for other
	// rules: of the derivative of their direction) at the teacher.
	HessianMin, HessianMax float64
}

// Contraction returns max |1-ηλ| over the eigenvalues of H, a bound of the factor by
// which the next step at the learning rate eta changes the distance to the teacher.
func (c *SingleIndexCertificate) Contraction(eta float64) float64 {
	return max(math.Abs(1-eta*c.SecantMin), math.Abs(1-eta*c.SecantMax))
}

// SecantHessian stores the secant Hessian of θ and the teacher ξ, (d+1) x (d+1),
//
//	H = (2/N) Σ f(vs) s q uuᵀ,   q = D/(1-Dξ_v),
//
// in dst, where D is the divided difference of σ between the two pre-activations. It
// is symmetric and the gradient of the rule is H(θ-ξ), exactly (ours); at θ = ξ it is
// the Hessian. For a frozen v the last row and column are meant to be left out. It
// allocates. Errors wrap ErrArgument, ErrShape, ErrNotFinite or ErrIllPosed.
func (m *SingleIndex[T]) SecantHessian(dst kernel.Matrix[float64], theta []T, teacher *Teacher[T], rule Backward) error {
	if dst.Rows != m.d+1 || dst.Cols != m.d+1 {
		return fmt.Errorf("deq: dst is %d x %d, want %d x %d: %w", dst.Rows, dst.Cols, m.d+1, m.d+1, ErrShape)
	}
	pair, err := m.pair(theta, teacher, rule)
	if err != nil {
		return err
	}
	pair.secant(dst, m.x)
	return nil
}

// indexPair is the model at θ beside its teacher, by sample.
type indexPair[T flow.Float] struct {
	y, ystar, z, zstar []float64
	s, factor          []float64 // σ'(z), f(vs)
	act                *Activation
	v, vstar           float64
}

func (m *SingleIndex[T]) pair(theta []T, teacher *Teacher[T], rule Backward) (*indexPair[T], error) {
	if err := rule.check(); err != nil {
		return nil, err
	}
	if teacher == nil {
		return nil, fmt.Errorf("deq: nil teacher: %w", ErrArgument)
	}
	m.check(theta)
	if err := finite("theta", theta); err != nil {
		return nil, err
	}
	if err := teacher.check(m.d); err != nil {
		return nil, err
	}
	if teacher.Act.Name != m.act.Name || teacher.Act.Lip != m.act.Lip {
		return nil, fmt.Errorf("deq: teacher with activation %q for a model with %q, want the same: %w", teacher.Act.Name, m.act.Name, ErrArgument)
	}
	v := float64(theta[m.d])
	if err := m.act.posed(v); err != nil {
		return nil, err
	}
	student := Teacher[T]{W: theta[:m.d], V: v, Act: m.act}
	p := &indexPair[T]{act: &m.act, v: v, vstar: teacher.V}
	var err error
	if p.y, p.s, p.z, err = student.states(m.x); err != nil {
		return nil, err
	}
	if p.ystar, _, p.zstar, err = teacher.states(m.x); err != nil {
		return nil, err
	}
	p.factor = make([]float64, m.n)
	for i, s := range p.s {
		p.factor[i] = rule.Factor(v * s)
	}
	return p, nil
}

// states returns the equilibria, slopes and pre-activations of all samples.
func (t *Teacher[T]) states(x kernel.Matrix[T]) (y, s, z []float64, err error) {
	n := x.Rows
	yt, st, pt := make([]T, n), make([]T, n), make([]T, n)
	if err := t.solve(yt, st, pt, x); err != nil {
		return nil, nil, nil, err
	}
	y, s, z = make([]float64, n), make([]float64, n), make([]float64, n)
	widen(y, yt)
	widen(s, st)
	widen(z, pt)
	kernel.Axpy(t.V, y, z)
	return y, s, z, nil
}

// quotient is the divided difference of σ between the pre-activations of sample i;
// where they are close, the derivative in their middle, whose error is of the order
// of the square of their distance.
func (p *indexPair[T]) quotient(i int) float64 {
	diff := p.z[i] - p.zstar[i]
	linear := p.act.form == formIdentity || p.act.form == formReLU || p.act.form == formLeaky
	if diff == 0 || !linear && math.Abs(diff) < 1e-5*(1+math.Abs(p.z[i])) {
		return p.act.D(p.zstar[i] + diff/2)
	}
	return (p.act.F(p.z[i]) - p.act.F(p.zstar[i])) / diff
}

// secant stores H in dst.
func (p *indexPair[T]) secant(dst kernel.Matrix[float64], x kernel.Matrix[T]) {
	n, d := x.Rows, x.Cols
	u, cu := kernel.NewMatrix[float64](n, d+1), kernel.NewMatrix[float64](n, d+1)
	for i := range n {
		row := u.Row(i)
		widen(row, x.Row(i))
		row[d] = p.y[i]
		q := p.quotient(i)
		q /= 1 - q*p.vstar
		kernel.Axpby(2/float64(n)*p.factor[i]*p.s[i]*q, row, 0, cu.Row(i))
	}
	kernel.GemmTN(dst, 1, u, cu, 0)
	symmetrise(dst)
}

// symmetrise removes what rounding leaves of the antisymmetric part.
func symmetrise(m kernel.Matrix[float64]) {
	for i := range m.Rows {
		for j := range i {
			v := (m.At(i, j) + m.At(j, i)) / 2
			m.Set(i, j, v)
			m.Set(j, i, v)
		}
	}
}

// Certify returns the certificate of θ for a teacher. It allocates. Errors are those
// of SecantHessian.
func (m *SingleIndex[T]) Certify(theta []T, teacher *Teacher[T], rule Backward) (SingleIndexCertificate, error) {
	pair, err := m.pair(theta, teacher, rule)
	if err != nil {
		return SingleIndexCertificate{}, err
	}
	k := m.d + 1
	c := SingleIndexCertificate{Guard: 1 - m.act.gain(pair.v), Monotone: m.act.Monotone(), SafeStep: math.NaN()}
	diff, grad := make([]float64, k), make([]float64, k)
	for i, w := range theta[:m.d] {
		diff[i] = float64(w) - float64(teacher.W[i])
	}
	diff[m.d] = pair.v - pair.vstar
	c.Distance = kernel.Nrm2(diff)
	c.PSD = c.Monotone
	second := kernel.NewMatrix[float64](k, k)
	u := make([]float64, k)
	for i, y := range pair.y {
		e := y - pair.ystar[i]
		c.Risk += e * e / float64(m.n)
		c.PSD = c.PSD && pair.factor[i] >= 0
		widen(u, m.x.Row(i))
		u[m.d] = y
		kernel.Axpy(2/float64(m.n)*e*pair.s[i]*pair.factor[i], u, grad)
		kernel.Ger(second, 1/float64(m.n), u, u)
	}
	h := kernel.NewMatrix[float64](k, k)
	pair.secant(h, m.x)
	eig := symEigenvalues(h)
	c.SecantMin, c.SecantMax = eig[0], eig[k-1]
	c.StepLimit = 2 / c.SecantMax
	kernel.Gemv(grad, -1, h, diff, 1)
	c.Residual = kernel.Nrm2(grad)
	if rule.Rule == Exact && c.Monotone {
		lip := m.act.Lip
		c.SafeStep = (1 - pair.v*lip) * (1 - pair.vstar*lip) / (2 * lip * lip * symEigenvalues(second)[k-1])
	}
	err = m.certifyTeacher(&c, teacher, rule, h)
	return c, err
}

// certifyTeacher fills in the eigenvalues at the teacher.
func (m *SingleIndex[T]) certifyTeacher(c *SingleIndexCertificate, teacher *Teacher[T], rule Backward, h kernel.Matrix[float64]) error {
	xi := append(append([]T(nil), teacher.W...), T(teacher.V))
	same := *teacher
	same.V = float64(xi[m.d]) // as T holds it
	if err := m.SecantHessian(h, xi, &same, rule); err != nil {
		return err
	}
	eig := symEigenvalues(h)
	c.HessianMin, c.HessianMax = eig[0], eig[len(eig)-1]
	return nil
}
